/* forget.c: memory that is given back is wiped first, whoever gives it back.
 *
 * Mail that is none of ours passes through: its headers are read, found unrelated and dropped. So
 * that nothing of it lies in freed memory until something else needs the room, free and realloc of
 * this process, its libraries and plugins are these; but for a thread that says that it needs no
 * such thing (the store's writer, which sees little of such mail and says when).
 *
 * Nor does memory fail for a library more than for us (base/mem.h): not all of them look. What is
 * asked for in one piece this big may, though: its size came from outside.
 *
 * Not under a sanitizer, which has its own. */
#include <features.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define OWN_ALLOCATOR
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_ALLOCATOR
#endif

#if defined(__GLIBC__) && !defined(OWN_ALLOCATOR)
#include "base/mem.h"

#include <malloc.h>
#include <stdint.h>
#include <string.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void __libc_free(void *memory);

#define FOR_ALL __attribute__((visibility("default")))

static const size_t MAY_FAIL = 1024 * 1024;

static void *must(void *memory, size_t size)
{
    if (!memory && size < MAY_FAIL)
        mem_none();
    return memory;
}

FOR_ALL void *malloc(size_t size)
{
    return must(__libc_malloc(size), size);
}

FOR_ALL void *calloc(size_t count, size_t size)
{
    size_t whole;

    if (__builtin_mul_overflow(count, size, &whole))
        whole = SIZE_MAX;
    return must(__libc_calloc(count, size), whole);
}

FOR_ALL void free(void *memory)
{
    if (memory && !mem_freed_is_kept())
        explicit_bzero(memory, malloc_usable_size(memory));
    __libc_free(memory);
}

/* Never in place by glibc's hand, which would leave what it moved away from as it was. */
FOR_ALL void *realloc(void *old, size_t size)
{
    size_t had = old ? malloc_usable_size(old) : 0;
    void *memory;

    if (old && size == 0) {
        free(old);
        return NULL;
    }
    if (old && size <= had && size >= had / 2)
        return old;
    memory = malloc(size);
    if (!memory || !old)
        return memory;
    memcpy(memory, old, had < size ? had : size);
    free(old);
    return memory;
}
#else
typedef int nothing_to_forget; /* a file may not be empty */
#endif
