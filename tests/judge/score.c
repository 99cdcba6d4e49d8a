/* judge/score.c: classifying, against the labels of manifest.jsonl. */
#include "judge.h"

#include "base/mem.h"
#include "mail/ids.h"

#include <stdio.h>
#include <string.h>

enum label { REPLY, AUTO, HARD, SOFT, OTHER, LABELS };
static const char *const label_names[] = {"reply", "auto_reply", "bounce_hard", "bounce_soft",
                                          "other"};
enum { KINDS = MAIL_OURS + 2, DELAYED = MAIL_OURS + 1 }; /* the last: a notice of delay */

struct scores {
    struct judge *judge;
    size_t kinds[2][LABELS][KINDS];
    struct tally bounces[2], strict_bounces[2], hardness[2], sure_hardness[2], revealed[2],
        unrevealed[2], human[2], complaints[2], strangers[2], returned;
    size_t torture, unreadable;
};

void judge_classify(const struct corpus_mail *mail, enum access access,
                    struct mail_verdict *verdict)
{
    struct mail_input input = {.headers = &mail->wanted,
                               .where = MAIL_INBOUND,
                               .now = mail->date ? mail->date : 1262304000000};

    if (access == FULL_ACCESS) {
        input.report = &mail->report;
        input.text = buf_bytes(&mail->parts.text);
    }
    mail_classify(&input, verdict);
}

static bool is_auto(const struct mail_verdict *verdict)
{
    return verdict->kind == MAIL_AUTO_REPLY || verdict->kind == MAIL_OUT_OF_OFFICE;
}

static bool count(struct tally *tally, bool right)
{
    tally->all++;
    tally->right += right;
    return right;
}

static void miss(struct scores *scores, enum access access, struct json_object *row,
                 const struct mail_verdict *verdict, const char *what)
{
    if (scores->judge->misses)
        printf("  miss (%s, %s): %s  label %s/%s  said %s%s, %s: %s\n", what,
               access ? "full" : "headers", row_text(row, "path"), row_text(row, "label"),
               row_text(row, "sub"), mail_kind_name(verdict->kind),
               verdict->delayed ? " (delayed)" : "", mail_hardness_name(verdict->hardness),
               verdict->reason);
}

static void score_bounce(struct scores *scores, enum access access, struct json_object *row,
                         const struct mail_verdict *verdict)
{
    bool hard = strcmp(row_text(row, "label"), "bounce_hard") == 0;
    bool sure = strcmp(row_text(row, "conf"), "low") != 0, right;

    count(&scores->strict_bounces[access], verdict->kind == MAIL_BOUNCE);
    if (!count(&scores->bounces[access], verdict->kind == MAIL_BOUNCE || verdict->delayed))
        miss(scores, access, row, verdict, "bounce");
    if (!sure || !(verdict->kind == MAIL_BOUNCE || verdict->delayed))
        return;
    right = verdict->delayed ? !hard : verdict->hardness == (hard ? MAIL_HARD : MAIL_SOFT);
    if (verdict->delayed || verdict->hardness != MAIL_UNKNOWN)
        count(&scores->sure_hardness[access], right);
    if (!count(&scores->hardness[access], right))
        miss(scores, access, row, verdict, "hardness");
}

static void score_auto(struct scores *scores, enum access access, struct json_object *row,
                       const struct mail_verdict *verdict)
{
    bool body = strcmp(row_text(row, "detectable_from"), "body") == 0;

    if (!count(body ? &scores->unrevealed[access] : &scores->revealed[access], is_auto(verdict)))
        miss(scores, access, row, verdict, body ? "auto, body only" : "auto");
}

static void score_human(struct scores *scores, enum access access, struct json_object *row,
                        const struct mail_verdict *verdict)
{
    if (!count(&scores->human[access], verdict->kind == MAIL_REPLY))
        miss(scores, access, row, verdict, "human");
}

static void score(struct scores *scores, enum access access, struct json_object *row,
                  const struct corpus_mail *mail)
{
    const char *label = row_text(row, "label"), *sub = row_text(row, "sub");
    struct mail_verdict verdict;

    judge_classify(mail, access, &verdict);
    for (size_t i = 0; i < LABELS; i++)
        if (strcmp(label, label_names[i]) == 0)
            scores->kinds[access][i][verdict.delayed ? DELAYED : verdict.kind]++;
    if (strncmp(label, "bounce", 6) == 0)
        score_bounce(scores, access, row, &verdict);
    else if (strcmp(label, "auto_reply") == 0)
        score_auto(scores, access, row, &verdict);
    else if (strcmp(label, "reply") == 0)
        score_human(scores, access, row, &verdict);
    else if (strcmp(sub, "complaint") != 0) {
        if (count(&scores->strangers[access], is_auto(&verdict) || verdict.kind == MAIL_BOUNCE))
            miss(scores, access, row, &verdict, "stranger");
    } else {
        if (!count(&scores->complaints[access],
                   verdict.kind == MAIL_COMPLAINT || verdict.kind == MAIL_UNSUBSCRIBE))
            miss(scores, access, row, &verdict, "complaint");
    }
}

/* Of which mail a bounce or complaint is: the id in what it returned. */
static void score_returned(struct scores *scores, struct json_object *row,
                           const struct corpus_mail *mail)
{
    const char *want = row_text(row, "orig_message_id");

    if (!*want)
        return;
    if (count(&scores->returned,
              mail->report.message_id && mail_id_same(mail->report.message_id, want)))
        return;
    if (scores->judge->misses)
        printf("  miss (returned id): %s  want %s (%s), found %s\n", row_text(row, "path"), want,
               row_text(row, "orig_message_id_via"),
               mail->report.message_id ? mail->report.message_id : "none");
}

static void each_row(void *arg, struct json_object *row)
{
    struct scores *scores = arg;
    struct corpus_mail mail;

    if (corpus_open(scores->judge->dir, row_text(row, "path"), &mail) < 0) {
        scores->unreadable++;
        return;
    }
    if (strcmp(row_text(row, "sub"), "torture") == 0)
        scores->torture++;
    score(scores, HEADERS_ONLY, row, &mail);
    score(scores, FULL_ACCESS, row, &mail);
    score_returned(scores, row, &mail);
    corpus_close(&mail);
}

static void print_table(const struct scores *scores, enum access access)
{
    printf("\n%-12s", access ? "full access" : "headers");
    for (enum mail_kind kind = MAIL_OTHER; kind <= MAIL_OURS; kind++)
        printf(" %13s", mail_kind_name(kind));
    printf(" %13s\n", "delayed");
    for (size_t i = 0; i < LABELS; i++) {
        printf("%-12s", label_names[i]);
        for (size_t k = 0; k < KINDS; k++)
            printf(" %13zu", scores->kinds[access][i][k]);
        printf("\n");
    }
}

static void print_bars(struct judge *judge, const struct scores *scores, enum access access)
{
    struct tally human = scores->human[access];
    size_t called = scores->kinds[access][REPLY][MAIL_AUTO_REPLY] +
                    scores->kinds[access][REPLY][MAIL_OUT_OF_OFFICE] +
                    scores->kinds[access][REPLY][MAIL_BOUNCE];

    printf("\n%s\n", access ? "with report parts and text (full access)"
                            : "with headers only (headers access)");
    judge_bar(judge, "bounces found (a notice of delay counts as found)", scores->bounces[access],
              0.995);
    judge_bar(judge, "  of them called bounce, delays apart", scores->strict_bounces[access], 0);
    judge_bar(judge, "hard against soft, where sure (unknown is wrong)", scores->hardness[access],
              access ? 0.95 : 0);
    judge_bar(judge, "  of those where we say hard or soft", scores->sure_hardness[access], 0);
    judge_bar(judge, "auto-replies that headers or subject reveal", scores->revealed[access], 0.95);
    judge_bar(judge, "auto-replies that only the body reveals", scores->unrevealed[access], 0);
    judge_bar(judge, "complaints", scores->complaints[access], 0);
    judge_bar(judge, "people's replies called reply", human, 0);
    judge_never(judge, "other mail called automatic or bounce", scores->strangers[access], 1);
    judge_never(judge, "people's replies called automatic or bounce",
                (struct tally){called, human.all}, 0.001);
}

void judge_kinds(struct judge *judge)
{
    struct scores scores = {.judge = judge};

    if (corpus_rows(judge->dir, "manifest.jsonl", each_row, &scores) < 0) {
        printf("%s/manifest.jsonl can't be read: is DIR laid out as the README says?\n",
               judge->dir);
        judge->failed++;
        return;
    }
    printf("classifying: rows are labels, columns what we said\n");
    print_table(&scores, HEADERS_ONLY);
    print_table(&scores, FULL_ACCESS);
    print_bars(judge, &scores, HEADERS_ONLY);
    print_bars(judge, &scores, FULL_ACCESS);
    judge_bar(judge, "id of the returned mail found (by the parts)", scores.returned, 0);
    printf("  %zu torture files read without harm; %zu files could not be opened\n", scores.torture,
           scores.unreadable);
}
