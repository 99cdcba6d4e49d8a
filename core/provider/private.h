/* provider/private.h: how sets, generations, sessions, seats and what is in flight hang together.
 *
 * Only for core/provider/ itself. A provider has generations of its plugin, one of them current. A
 * session is a mailbox, and lives as long as the engine wants. A seat is a session's place in one
 * generation: the plugin's rider_session with the host table that it was given. A reload gives each
 * session a new seat, and the old ones drain.
 *
 *   provider_set -> provider -> generation -> seat -> provider_op, rider_timer, rider_http,
 *                                                     rider_stream
 *                            -> provider_session -> seat (current, and draining ones)
 *
 * No seat is closed, and nobody's `done` called, while plugin code may be on the stack: all of
 * that happens in the set's turn (turn.c), on a timer of its own. */
#ifndef PROVIDER_PRIVATE_H
#define PROVIDER_PRIVATE_H
#include "base/list.h"
#include "base/map.h"
#include "net/http.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/watchdog.h"
#include "postrider/ext/push.h"
#include "postrider/ext/stream.h"
#include "provider/budget.h"
#include "provider/copy.h"
#include "provider/session.h"

enum { ACCESS_LEVELS = 3, KEY_LIMIT = 128, VALUE_LIMIT = 4096 };

struct provider_set {
    struct loop *loop;
    struct http_client *http;
    char *plugins_dir, *run_path;
    int run_fd;
    struct credential_source credentials;
    uint32_t drain_grace, cancel_grace;
    struct watchdog *watchdog; /* or NULL */
    struct list providers;
    struct loop_timer *turn; /* these five are worked off in it        */
    struct list ended;       /* provider_op.queue                      */
    struct list answered;    /* rider_http.queue: answered by ourselves */
    struct list fallen;      /* rider_stream.queue: ended, not yet told */
    struct list changed;     /* provider_session.changed               */
    struct list leaving;     /* seat.leaving: may be closed            */
};

struct share { /* what some mailboxes have together */
    struct rider_limits limits;
    struct budget units, sends, recipients;
    uint32_t in_flight;
};

struct tenant { /* the mailboxes of one organisation at a provider */
    struct provider *provider;
    struct share share;
    struct budget external; /* recipients outside, a day */
};

struct provider {
    struct list node;
    struct provider_set *set;
    char *name, *file;
    struct list generations, sessions;
    struct generation *current;
    uint32_t last_number;
    struct share share; /* of all mailboxes together               */
    struct map tenants; /* name -> struct tenant                   */
    struct rider_limits tenant_limits;
    uint32_t tenant_external;
};

struct generation {
    struct list node;
    struct provider *provider;
    uint32_t number;
    enum provider_state state;
    char *copy, *path; /* in plugins.run                          */
    char **settings;
    void *library;
    struct rider_provider table; /* taken to full size                */
    struct rider_push push;      /* the same; zero: it has none       */
    struct arena arena;          /* for oauth below                   */
    struct rider_oauth oauth[ACCESS_LEVELS];
    bool offered[ACCESS_LEVELS];
    struct seat *desk; /* for questions that belong to no mailbox */
    struct list seats;
    size_t lost_timers, lost_requests; /* held when a seat was closed   */
    struct loop_timer *drain;
    int64_t loaded_at;
};

struct seat {
    struct rider_host host; /* first: the plugin's pointer is ours     */
    struct generation *generation;
    struct provider_session *session; /* NULL: the desk                */
    struct rider_session *plugin;
    struct rider_mailbox mailbox;
    struct list node, of_session, leaving;
    struct list ops, abandoned; /* provider_op.node                        */
    struct list timers, requests, streams;
    bool closing; /* no new operations; closed when the last has ended */
};

struct provider_session {
    struct list node, changed;
    unsigned news; /* what its keeper is to hear in the next turn */
    struct provider *provider;
    struct arena arena; /* for info                                */
    struct provider_mailbox_info info;
    struct provider_memory memory;
    struct map remembered; /* key -> struct buf: read, or written, since open */
    struct seat *seat;
    struct list seats;
    struct tenant *tenant; /* or NULL */
    struct rider_limits limits;
    struct budget units, sends, recipients;
    uint32_t send_cost; /* the most units that a send's one request took so far */
    uint32_t in_flight;
    struct list waiting; /* rider_http.queue: for a budget          */
    struct loop_timer *pump;
    bool closing;
    void (*closed)(void *arg);
    void *closed_arg;
};

enum op_kind {
    OP_IDENTIFY,
    OP_STAGE,
    OP_SEND,
    OP_FIND,
    OP_FILE,
    OP_DISCARD,
    OP_LIST,
    OP_READ,
    OP_LABEL,
    OP_WATCH,
    OP_UNWATCH
};
enum op_state { OP_RUNNING, OP_ENDED, OP_ABANDONED, OP_RETIRED };

struct provider_op {
    struct rider_op op; /* first: the plugin's pointer is ours     */
    enum op_kind kind;
    enum op_state state;
    struct seat *seat;
    struct list node, queue, requests, streams;
    unsigned waiting, flying; /* of its requests                      */
    struct arena arena;
    struct rider_message message;
    provider_item_fn *item;
    provider_done_fn *done;
    provider_leaving_fn *leaving; /* or NULL; told before anything leaves that may send */
    struct list held;             /* rider_http.queue: waits for provider_let_go        */
    bool told, let_go;
    void *arg;
    struct loop_timer *timer;
    bool busy, asked, cancelled; /* asked: by our caller, not the deadline  */
    bool by_host;                /* the plugin has not finished it          */
    bool left;
    struct provider_result result;
    struct rider_failure failure, no_token;
    struct rider_identity identity;
    struct rider_sent sent;
    struct rider_page page;
    struct rider_body body;
    struct rider_labelled labelled;
    struct rider_watched watched;
};

struct rider_timer {
    struct list node;
    struct seat *seat;
    struct loop_timer *timer;
    void (*fire)(void *);
    void *arg;
};

enum line_state { STREAM_ASKING, STREAM_OPENING, STREAM_OPEN, STREAM_FALLEN };
struct rider_stream {
    struct list node, of_op, queue;
    struct seat *seat;
    struct provider_op *op; /* what is written now is written for it, or NULL */
    enum line_state state;
    char *origin, *token; /* token: the bearer token that is being tried     */
    int64_t until;        /* monotonic: open by then                         */
    struct loop_timer *timer;
    struct rider_stream_events events;
    void *arg;
    struct stream *line;
    struct stream_ticket *ticket;
    bool renewed;
    uint64_t mark;   /* what commits ends here, in all bytes written; 0: nothing does, or it was
                        answered                                                */
    struct buf held; /* waits for provider_let_go; what commits ends at held_mark */
    size_t held_mark;
    struct arena arena; /* for failure */
    struct rider_failure failure;
};

enum http_state { HTTP_WAITING, HTTP_TOKEN, HTTP_FLYING, HTTP_ANSWERED };
struct rider_http {
    struct list node, of_op, queue;
    struct seat *seat;
    struct provider_op *op;
    enum http_state state;
    struct arena arena; /* for request; wiped, as bodies hold mail */
    struct rider_http_request request;
    void (*done)(void *, const struct rider_http_response *);
    void *arg;
    struct http_call *call;
    struct ticket *ticket;
    char *token;
    bool renewed, left, orphan; /* orphan: its operation is over      */
    char *error;                /* for HTTP_ANSWERED                       */
};

/* Around each call into a plugin: whose it is, for the watchdog. */
static inline void in_plugin(const struct generation *generation, bool entering)
{
    const struct provider *provider = generation->provider;

    if (provider->set->watchdog)
        watchdog_note(provider->set->watchdog, entering ? provider->name : NULL);
}
#define IN_PLUGIN(whose, call)                                                                     \
    do {                                                                                           \
        const struct generation *in_generation = (whose);                                          \
        in_plugin(in_generation, true);                                                            \
        call;                                                                                      \
        in_plugin(in_generation, false);                                                           \
    } while (0)

/* -- turn.c ----------------------------------------------------------------------------------- */
void set_kick(struct provider_set *set);
void set_turn(void *set); /* the timer's */

/* -- provider.c, session.c -------------------------------------------------------------------- */
struct provider *set_find(struct provider_set *set, const char *name, struct buf *error);
void session_limit(struct provider_session *session); /* reads its limits again            */
void session_left(struct provider_session *session);  /* a seat of it is gone                 */
enum { NEWS_CAN = 1, NEWS_HINT = 2, NEWS_LOST = 4 };
void session_news(struct provider_session *session, unsigned news);
void session_tell(struct provider_session *session); /* in the turn                       */

/* -- share.c ---------------------------------------------------------------------------------- */
int provider_limits(struct provider *provider, char *const *settings, struct buf *error);
void provider_limits_finish(struct provider *provider);
struct tenant *tenant_of(struct provider *provider, const char *name); /* NULL: of none */
bool tenant_goes_out(const struct rider_message *message);
/* The shares of a session: its provider's, and its tenant's where it has one. */
static inline struct share *share_at(const struct provider_session *session, size_t index)
{
    return index == 0                      ? &session->provider->share
           : index == 1 && session->tenant ? &session->tenant->share
                                           : NULL;
}
#define EACH_SHARE(session, share, index)                                                          \
    for (size_t index = 0; index < 2; index++)                                                     \
        for (struct share *share = share_at((session), index); share; share = NULL)

/* -- handles.c: what a plugin may hand back, by address alone --------------------------------- */
enum handle { HANDLE_NONE, HANDLE_OP, HANDLE_TIMER, HANDLE_HTTP, HANDLE_STREAM };
void handle_add(const void *pointer, enum handle handle);
void handle_drop(const void *pointer);
enum handle handle_of(const void *pointer);
void handle_retire(struct provider_op *op); /* freed only when 256 more have been */
extern struct provider_misdeeds misdeeds;
void handle_users(int change); /* the last set frees them all        */

/* -- generation.c ----------------------------------------------------------------------------- */
int generation_load(struct provider *provider, char **settings, struct buf *error,
                    struct generation **generation_r);
void generation_free(struct generation *generation);   /* unmaps; NULL is fine       */
void generation_retire(struct generation *generation); /* seats drain, then it goes */
void generation_check(struct generation *generation);  /* is it time?               */
void generation_count(const struct generation *generation,
                      struct provider_generation_status *status);
/* By its text alone: true only where the URL begins with an origin as it was declared. */
bool generation_names(const struct generation *generation, enum rider_access access,
                      const char *url);
bool generation_allows(const struct generation *generation, enum rider_access access,
                       const char *origin);
/* An origin in `next` that is in none of `old`'s lists and endpoints; NULL: none. Allocated. */
char *generation_new_origin(const struct generation *old, const struct generation *next);

/* -- table.c ---------------------------------------------------------------------------------- */
int table_check(const struct rider_provider *table, const char *file, struct buf *error);
bool setting_read(const struct rider_setting *from, struct rider_setting *to);
bool setting_is_secret(const struct rider_provider *table, const char *key);
const char *setting_fallback(const struct rider_provider *table, const char *key);
int settings_check(const struct rider_provider *table, const char *provider, char *const *settings,
                   struct buf *error);
const char *settings_get(const char *const *settings, const char *key);
/* limits.<part> of settings over `base`; prefix "limits." or "limits.provider.". */
int limits_read(const char *const *settings, const char *prefix, struct rider_limits *limits,
                struct buf *error);

/* -- seat.c ----------------------------------------------------------------------------------- */
struct seat *seat_new(struct generation *generation, struct provider_session *session);
int seat_open(struct generation *generation, struct provider_session *session, struct buf *error,
              struct seat **seat_r);
void seat_leave(struct seat *seat); /* no new operations; closed once the last has ended */
void seat_check(struct seat *seat); /* has the last one ended? then in the next turn       */
void seat_close(struct seat *seat);
struct provider_set *seat_set(const struct seat *seat);

/* -- host.c, timer.c -------------------------------------------------------------------------- */
extern const struct rider_host host_table;
struct rider_timer *host_after(const struct rider_host *host, uint32_t delay, void (*fire)(void *),
                               void *arg);
void host_forget(struct rider_timer *timer);
void timer_free(struct rider_timer *timer);
/* One log line in a seat's name: provider and mailbox. */
void seat_log(const struct seat *seat, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* -- request.c -------------------------------------------------------------------------------- */
struct rider_http *host_http(const struct rider_host *host,
                             const struct rider_http_request *request,
                             void (*done)(void *, const struct rider_http_response *), void *arg);
void host_http_abort(struct rider_http *http);
void request_answer(struct rider_http *http); /* an HTTP_ANSWERED one, in the turn         */
void request_stop(struct rider_http *http, const char *why); /* ends with status 0, soon   */
void request_drop(struct rider_http *http); /* ends without `done`                         */
void request_leave_op(struct rider_http *http);
void session_pump(struct provider_session *session); /* starts what fits its budgets        */

/* -- stream.c: postrider/ext/stream.h ---------------------------------------------------------- */
extern const struct rider_streams stream_table;
void stream_fallen(struct rider_stream *stream); /* a STREAM_FALLEN one, in the turn          */
void stream_stop(struct rider_stream *stream, const char *why); /* ends TRANSIENT, soon       */
void stream_drop(struct rider_stream *stream);                  /* ends without closed()      */
void stream_leave_op(struct rider_stream *stream);
void stream_let_go(struct rider_stream *stream);
void streams_release(struct provider_op *op, bool failed); /* the operation is over           */
bool settings_plain(const char *const *settings);
int settings_check_lines(const char *provider, const char *const *settings, struct buf *error);

/* -- op.c ------------------------------------------------------------------------------------- */
const char *op_name(enum op_kind kind);
bool op_holds(struct provider_op *op); /* what may send must wait now; NULL: no */
void op_end(struct provider_op *op);   /* with result as it stands; delivered in the turn       */
void op_fail(struct provider_op *op, int32_t kind, int32_t scope, const char *detail);
void op_cancel(struct provider_op *op, bool asked);
void op_deliver(struct provider_op *op);
void op_retire(struct provider_op *op);
void op_free(struct provider_op *op);
/* The operation that a plugin says it `did` something for, if it really is one of this seat that is
 * running. */
struct provider_op *op_meant(const struct seat *seat, struct rider_op *op, const char *did);
void op_weigh(struct provider_op *op); /* does it count as busy now? NULL is fine            */
void seat_weigh(struct seat *seat);    /* all of its operations: a timer may be any one's        */

struct provider_op *op_begin(struct provider_session *session, enum op_kind kind, uint32_t timeout,
                             provider_done_fn *done, void *arg);

/* -- push.c ----------------------------------------------------------------------------------- */
extern const struct rider_push_host push_host;
void push_read(struct generation *generation);     /* what its table offers                    */
void push_moved(struct provider_session *session); /* it has a seat in another generation   */

/* -- finish.c: the host's finish functions ---------------------------------------------------- */
void host_fail(struct rider_op *op, const struct rider_failure *failure);
void host_identify_done(struct rider_op *op, const struct rider_identity *identity);
void host_send_done(struct rider_op *op, const struct rider_sent *sent);
void host_list_done(struct rider_op *op, const struct rider_page *page);
void host_read_done(struct rider_op *op, const struct rider_body *body);
void host_label_done(struct rider_op *op, const struct rider_labelled *labelled);
void host_done(struct rider_op *op);
void host_watch_done(struct rider_op *op, const struct rider_watched *watched);
bool host_list_item(struct rider_op *op, const struct rider_reply *reply);
#endif
