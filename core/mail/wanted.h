/* mail/wanted.h: the headers that `list` asks for: only what classify and match read. */
#ifndef MAIL_WANTED_H
#define MAIL_WANTED_H

extern const char *const mail_wanted_headers[]; /* ends in NULL; for rider_query.headers */
#endif
