/* provider/plugin_elf.c: is a file a whole shared object that this machine can map? */
#include "provider/plugin_file.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#elif defined(__riscv)
#define MACHINE EM_RISCV
#elif defined(__powerpc64__)
#define MACHINE EM_PPC64
#elif defined(__s390x__)
#define MACHINE EM_S390
#elif defined(__i386__)
#define MACHINE EM_386
#elif defined(__arm__)
#define MACHINE EM_ARM
#endif

static int refuse(struct buf *error, const char *label, const char *why)
{
    buf_printf(error,
               "%s is not a plugin for this machine: %s. Build it again with cc -shared -fPIC",
               label, why);
    return -ENOEXEC;
}

static bool read_at(int fd, void *to, size_t len, uint64_t offset)
{
    return offset <= INT64_MAX && pread(fd, to, len, (off_t)offset) == (ssize_t)len;
}

static bool is_ours(const ElfW(Ehdr) * head)
{
    if (memcmp(head->e_ident, ELFMAG, SELFMAG) != 0)
        return false;
    if (head->e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32))
        return false;
#ifdef MACHINE
    if (head->e_machine != MACHINE)
        return false;
#endif
    return head->e_type == ET_DYN && head->e_phentsize == sizeof(ElfW(Phdr));
}

int plugin_elf_check(int fd, const char *label, struct buf *error)
{
    ElfW(Ehdr) head;
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (!read_at(fd, &head, sizeof(head), 0) || !is_ours(&head))
        return refuse(error, label, "it is no ELF shared object of its kind");
    /* The sections come last, so their table tells of a copy that is still under way even where all
     * that would be mapped has arrived. A file without any has no table. */
    if (head.e_shoff > (uint64_t)st.st_size ||
        (uint64_t)head.e_shnum * head.e_shentsize > (uint64_t)st.st_size - head.e_shoff)
        return refuse(error, label, "it is cut short");
    for (unsigned i = 0; i < head.e_phnum; i++) {
        ElfW(Phdr) part;
        if (!read_at(fd, &part, sizeof(part), head.e_phoff + (uint64_t)i * sizeof(part)))
            return refuse(error, label, "it is cut short");
        if (part.p_offset > (uint64_t)st.st_size ||
            part.p_filesz > (uint64_t)st.st_size - part.p_offset)
            return refuse(error, label, "it is cut short");
    }
    return 0;
}
