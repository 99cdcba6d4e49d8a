/* net/stream_private.h: what the stream files share, and what http.c calls. */
#ifndef NET_STREAM_PRIVATE_H
#define NET_STREAM_PRIVATE_H
#include "net/http_private.h"

enum {
    STREAM_RECORD = 16 * 1024, /* as much as a TLS record holds     */
    STREAM_ROUNDS = 16,        /* reads in a row before others have their turn */
    STREAM_SAID = 400          /* of a server's sentence             */
};

struct stream {
    struct list node;
    struct http_client *client;
    CURL *easy;
    struct loop_timer *timer; /* until it is open the deadline, then for the next turn */
    struct stream_events events;
    void *arg;
    char *origin, *options, *secret, *problem;
    uint32_t timeout_ms;
    bool is_open, is_bearer;
    bool may_try_command; /* IMAP's LOGIN, if the server offers nothing better */
    /* what the server said until the line was open */
    struct buf said;
    bool refused, challenged, more, unasked, granted;
    /* open */
    struct loop_watch *watch;
    bool hold, broken, over;
    unsigned telling;          /* inside that many of its events             */
    struct buf early;          /* came before anybody was told that it is open */
    struct buf leaving, queue; /* leaving: not touched until it has left, as TLS wants the same
                                  bytes again */
    size_t at;
    uint64_t queued, left;
    char why[CURL_ERROR_SIZE];
};

/* stream.c */
void stream_ended(CURL *easy, CURLcode code); /* of client->lines */
void stream_close_all(struct http_client *client);

/* stream_easy.c */
/* NULL, or why this line can't be opened (allocated). */
char *stream_prepare(struct stream *stream, const struct stream_request *request);
void stream_prepare_command(struct stream *stream); /* the second try, by IMAP's LOGIN       */
void stream_forget_secrets(struct stream *stream);

/* stream_text.c */
void stream_hear(struct stream *stream, const char *line, size_t len); /* a line of the server's */
bool stream_is_imap(const struct stream *stream);
/* What a failed opening was, its SMTP reply or 0, and one allocated sentence. */
enum stream_why stream_judge(const struct stream *stream, CURLcode code, int *reply_r);
char *stream_explain(const struct stream *stream, CURLcode code);
#endif
