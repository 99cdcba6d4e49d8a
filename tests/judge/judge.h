/* judge/judge.h: what the parts of the judge share. */
#ifndef JUDGE_JUDGE_H
#define JUDGE_JUDGE_H
#include "base/buf.h"
#include "mail/classify.h"
#include "mail/header.h"
#include "mail/report.h"
#include "match/match.h"

#include <json-c/json.h>
#include <stdbool.h>

/* -- corpus.c: the files ------------------------------------------------------------- */
struct corpus_mail { /* one file, read as a provider would hand it over */
    struct buf raw;
    struct mail_headers headers, wanted; /* all; and those that `list` asks for */
    struct mail_parts parts;
    struct mail_report report;
    int64_t date; /* Unix ms of Date; 0: none */
};
int corpus_read(const char *dir, const char *path, struct buf *out); /* negative errno */
int corpus_open(const char *dir, const char *path, struct corpus_mail *mail);
void corpus_close(struct corpus_mail *mail);
/* Calls each with every line of DIR/name that is a JSON object. Negative errno: no such file. */
int corpus_rows(const char *dir, const char *name, void (*each)(void *, struct json_object *),
                void *arg);
const char *row_text(struct json_object *row, const char *key); /* "" when not there */
bool row_true(struct json_object *row, const char *key);

/* -- judging ------------------------------------------------------------------------- */
enum access { HEADERS_ONLY = 0, FULL_ACCESS = 1 };
void judge_classify(const struct corpus_mail *mail, enum access access,
                    struct mail_verdict *verdict);

struct tally { /* right out of all */
    size_t right, all;
};
struct judge {
    const char *dir;
    bool misses;
    unsigned failed; /* bars not reached */
};
/* Prints a line of the bar, counts it if it is not reached. `least` in parts of one. */
void judge_bar(struct judge *judge, const char *what, struct tally tally, double least);
/* The same for what must not happen more than `most` parts of one. */
void judge_never(struct judge *judge, const char *what, struct tally wrong, double most);

void judge_kinds(struct judge *judge);     /* score.c: manifest.jsonl                       */
void judge_campaigns(struct judge *judge); /* campaigns.c: campaigns.jsonl                  */
void judge_subjects(struct judge *judge);  /* campaigns.c: subject-prefixes/pairs.jsonl     */
#endif
