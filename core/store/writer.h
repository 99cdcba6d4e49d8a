/* store/writer.h: the writer thread, and what it does to keep the process small.
 *
 * Not for other rooms. */
#ifndef STORE_WRITER_H
#define STORE_WRITER_H
#include "store/txn.h"

int writer_start(struct store *store); /* negative errno: no thread to be had */
void writer_stop(struct store *store); /* after everything submitted was committed and told */

void map_find(struct store *store);   /* where the file lies in this process; fills store->map */
void map_shrink(struct store *store); /* gives its pages back once they are many; any thread */
#endif
