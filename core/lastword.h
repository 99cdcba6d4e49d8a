/* lastword.h: whoever ends the daemon, its log's last line says so and what to do. */
#ifndef LASTWORD_H
#define LASTWORD_H

/* At the start, before any thread. abort() ends with exit code 70 from here on; a crash stays one.
 */
void lastword_install(void);
#endif
