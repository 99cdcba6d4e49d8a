/* rider-check/bench.h: what a plugin is tried on: a loop, a client, a set, a scripted server. */
#ifndef RIDER_CHECK_BENCH_H
#define RIDER_CHECK_BENCH_H
#include "net/http.h"
#include "net/loop.h"
#include "provider/session.h"
#include "standin.h"

enum { SETTINGS_MOST = 128, OP_KINDS = 9 };

struct bench {
    const char *file; /* as given                                */
    char *dir, *base; /* of it                                   */
    char *data;       /* a temporary directory                   */
    struct loop *loop;
    struct http_client *http;
    struct standin *standin;
    struct provider_set *set;
    struct standin_reply reply; /* what the server says to all          */
    const char *settings[SETTINGS_MOST];
    size_t settings_count;
    struct buf error;
    unsigned passed, failed;
    bool quiet; /* say only what failed */
    bool lines; /* the plugin asks for an IMAP or SMTP server: it uses postrider.stream/1 */
};

int bench_init(struct bench *bench, const char *file);
void bench_finish(struct bench *bench);
void bench_setting(struct bench *bench, const char *key, const char *value); /* the first wins */
void bench_settings_of_plugin(struct bench *bench); /* what it declares, filled in          */
int bench_load(struct bench *bench); /* a set with the plugin in it; error has why not */
void bench_unload(struct bench *bench);
bool bench_mapped(const char *part);
/* One check, said on a line. Returns ok. */
bool check(struct bench *bench, bool ok, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

struct ending {
    unsigned count;
    int32_t kind; /* 0: worked */
    int64_t retry_after;
    bool left;
};
bool bench_run(struct bench *bench, int64_t ms, bool (*over)(void *arg), void *arg);
bool ending_over(void *ending);
struct provider_session *bench_open(struct bench *bench, enum rider_access access);
void bench_close(struct bench *bench, struct provider_session *session);

/* The operations, by number. */
extern const char *const op_names[OP_KINDS];
bool op_offered(uint32_t can, int kind);
struct provider_op *op_start(struct provider_session *session, int kind, uint32_t timeout,
                             struct ending *ending);

/* checks.c */
void check_oauth(struct bench *bench);
void check_answers(struct bench *bench);
void check_cancel(struct bench *bench);
void check_close(struct bench *bench);
void check_repeat(struct bench *bench, unsigned times);
#endif
