/* forget.c: memory that is given back is wiped first, whoever gives it back.
 *
 * Mail that is none of ours passes through: its headers are read, found unrelated and dropped. So
 * that nothing of it lies in freed memory until something else needs the room, free and realloc of
 * this process, its libraries and plugins are these; but for a thread that says that it needs no
 * such thing (the store's writer, which sees little of such mail and says when). Not under a
 * sanitizer, which has its own. */
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
#include <string.h>

extern void *__libc_malloc(size_t size);
extern void __libc_free(void *memory);

#define FOR_ALL __attribute__((visibility("default")))

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
    memory = __libc_malloc(size);
    if (!memory || !old)
        return memory;
    memcpy(memory, old, had < size ? had : size);
    free(old);
    return memory;
}
#else
typedef int nothing_to_forget; /* a file may not be empty */
#endif
