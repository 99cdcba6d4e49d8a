/* postrider/cli.h: what the command's files share: the words of the command line, asking the
 * daemon, and printing for people. */
#ifndef POSTRIDER_CLI_H
#define POSTRIDER_CLI_H
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json_object;

enum { EXIT_OK = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_UNREACHABLE = 3 };

enum { SETS_MAX = 16 };
struct cli {
    char *socket;
    bool json, yes, accept_origins;
    const char *provider, *access, *promise, *zone, *people, *campaign, *why, *secret_file;
    const char *sets[SETS_MAX]; /* "key=value" */
    size_t set_count;
    bool no_proof;
    uint64_t limit, interval; /* 0: not given */
    int count;                /* arguments after the verb */
    char **args;
};
struct verb {
    const char *noun, *name; /* name NULL: the noun is the verb */
    const char *usage;       /* what comes after the verb */
    const char *help;        /* sentences */
    int least, most;         /* arguments */
    int (*run)(struct cli *cli);
};
extern const struct verb mailbox_verbs[], campaign_verbs[], person_verbs[], reply_verbs[],
    provider_verbs[], daemon_verbs[]; /* each ended by an empty one */
int campaign_watch(struct cli *cli);

/* -- asking the daemon (client.c) --------------------------------------------------------- */
struct answer {
    long status; /* 0: nobody answered */
    struct buf text;
    struct json_object *json; /* NULL: it was none */
};
/* path: already percent-encoded; body NULL: none. Prints what went wrong; 0 or an exit status. With
 * --json the answer is printed as it came. */
int ask(struct cli *cli, const char *method, const char *path, const char *type, struct bytes body,
        struct answer *answer);
int ask_plain(struct cli *cli, const char *method, const char *path, struct answer *answer);
int ask_json(struct cli *cli, const char *method, const char *path, struct json_object *body,
             struct answer *answer); /* takes body */
/* Streams a file ("-": standard input), with a progress bar on a terminal. */
int ask_stream(struct cli *cli, const char *path, const char *file, const char *type,
               struct answer *answer);
/* All pages of a list (or cli->limit of it) as one array; path ends in nothing or "?x=y". */
int ask_list(struct cli *cli, const char *path, const char *name, struct json_object **list_r);
void answer_finish(struct answer *answer);
#define auto_answer __attribute__((cleanup(answer_finish))) struct answer
/* "/v1/campaigns/%s/start" with the argument encoded; to be freed. */
char *path_of(const char *before, const char *argument, const char *after);
int print_json(struct json_object *json);
/* {"name": list, "next": 0}, as the API has it. */
void print_list(const char *name, struct json_object *list);
/* "postrider: what\n  why\n  next". */
void complain(const char *what, const char *why, const char *next);
/* Reads a whole file, "-": standard input; what goes wrong is told. */
int read_file(const char *path, size_t limit, struct buf *out);
/* On a terminal, asks; else true. */
bool sure(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* -- servers (servers.c) ------------------------------------------------------------------- */
/* The settings of a new mailbox by secret: of --set, and where that leaves a server open, what its
 * domain proposes and a person confirms. provider: what GET /v1/providers/NAME said. settings_r is
 * to be put; an exit status otherwise. */
int choose_servers(struct cli *cli, const char *address, struct json_object *provider,
                   struct json_object **settings_r);

/* -- secrets (secret.c) -------------------------------------------------------------------- */
/* From --secret-file, or typed without echo; an empty one where neither is there. 0 or an exit
 * status. Wipe it. */
int read_secret(struct cli *cli, const char *address, struct buf *secret);
/* Gives it to the daemon, which tries it; prints what came of it. */
int give_secret(struct cli *cli, const char *address, const struct buf *secret);

/* -- values of JSON ----------------------------------------------------------------------- */
struct json_object *at(struct json_object *json, const char *key); /* NULL: not there, or null */
const char *text_at(struct json_object *json, const char *key);    /* "" if there is none */
int64_t number_at(struct json_object *json, const char *key);
bool true_at(struct json_object *json, const char *key);
/* "2026-11-21 17:19" in local time; "" for never. One of 8 buffers in turn. */
const char *time_at(struct json_object *json, const char *key);
const char *number_text(int64_t number); /* one of 8 buffers in turn */

/* -- printing (print.c). Text from outside is printed without its control characters. ----- */
void print_start(void);
bool colours(void); /* standard output is a terminal that may be coloured */
size_t width_of(const char *text);
void print_text(FILE *to, const char *text);          /* newlines and tabs stay */
void print_line(const char *label, const char *text); /* "label   text"; nothing if it is "" */
struct table;
struct table *table_new(const char *const *heads); /* NULL-ended, lent; a head that begins with '>'
                                                      is of numbers, to the right */
void table_row(struct table *table, const char *const *cells); /* as many as heads; copied */
/* Prints and frees; `nothing` if there are no rows. Returns how many lines of the
 * terminal it took. */
size_t table_print(struct table *table, const char *nothing);
#endif
