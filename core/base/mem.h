/* base/mem.h: memory that does not fail, and scopes that clean up.
 *
 * mem_* never return NULL: they log and abort when the machine has none left, which is safe
 * because the store is. A size that came from outside is held against a limit first. */
#ifndef BASE_MEM_H
#define BASE_MEM_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

_Noreturn void mem_none(void);              /* says that there is none, and aborts */
void *mem_new(size_t size);                 /* zeroed                                     */
void *mem_array(size_t count, size_t size); /* zeroed, checked for overflow               */
void *mem_grow(void *old, size_t count, size_t size); /* realloc; what is new is not zeroed */
void *mem_dup(const void *data, size_t len);
char *mem_str(const char *text);              /* NULL gives NULL                            */
char *mem_strn(const char *text, size_t len); /* a NUL is added                 */
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void mem_wipe(void *data, size_t len);           /* not optimised away                         */
void mem_wipe_free(void *data, size_t len);      /* NULL is fine                               */
void mem_str_set(char **slot, const char *text); /* frees what was there, copies   */
void mem_wipe_str(char **slot);                  /* wipes and frees a string, sets NULL        */

/* The daemon wipes all memory that is given back (forget.c). A thread that handles nothing of other
 * people's mail may say that its need not be; returns what it had said before. */
bool mem_keep_freed(bool keep);
bool mem_freed_is_kept(void);

/* Lists of strings that end in NULL. */
char **mem_strv(const char *const *list); /* NULL gives NULL                            */
void mem_strv_free(char **list);

static inline void mem_free_slot(void *slot)
{
    free(*(void **)slot);
}
#define auto_free __attribute__((cleanup(mem_free_slot)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#endif
