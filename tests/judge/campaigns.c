/* judge/campaigns.c: matching, against campaigns.jsonl and the subject pairs.
 *
 * A root of a thread is taken as a step that its author sent. Whoever writes counts as a person
 * that was mailed there, which is harder than life: only the subject then stands between a decoy
 * and a match by sender and subject. */
#include "judge.h"

#include "base/map.h"
#include "base/mem.h"
#include "mail/address.h"
#include "mail/ids.h"
#include "mail/subject.h"

#include <stdio.h>
#include <string.h>

struct campaign { /* one row, being judged */
    struct match_message message;
    struct buf owner;  /* key of who sent it                          */
    struct map ids;    /* the sent one's, and those of matched replies */
    struct map thread; /* ids of all that a provider would thread     */
    bool threads;      /* whether the provider has threads            */
};
struct matching {
    struct judge *judge;
    struct tally linked[2], chained[2], subject[2], decoys[2], own[2], wrong_owner;
    size_t evidence[MATCH_SENDER_SUBJECT + 1], by_other, campaigns;
    bool threads;
};

static int there; /* what the maps' values point to */

static void put_id(struct map *map, const char *id)
{
    char *key = mail_id_key(id);

    if (key)
        map_put_str(map, key, &there);
    free(key);
}

static bool by_id(void *arg, const char *id_key, struct match_message *out)
{
    struct campaign *campaign = arg;

    if (!map_get_str(&campaign->ids, id_key))
        return false;
    *out = campaign->message;
    return true;
}

static bool by_thread(void *arg, uint64_t mailbox, const char *thread_id, struct match_message *out)
{
    struct campaign *campaign = arg;

    *out = campaign->message;
    return mailbox == campaign->message.mailbox && strcmp(thread_id, "thread") == 0;
}

static size_t by_sender(void *arg, uint64_t mailbox, const char *person_key,
                        struct match_message *out, size_t max)
{
    struct campaign *campaign = arg;

    if (max == 0 || mailbox != campaign->message.mailbox)
        return 0;
    *out = campaign->message;
    match_cut_subject(out->person_key, sizeof(out->person_key), person_key);
    return 1;
}

static bool is_ours(void *arg, const char *address)
{
    struct campaign *campaign = arg;
    struct buf key = {0};
    bool ours = mail_address_key(address, &key) == 0 &&
                strcmp(buf_text(&key), buf_text(&campaign->owner)) == 0;

    buf_finish(&key);
    return ours;
}

static bool in_thread(const struct campaign *campaign, const struct corpus_mail *mail)
{
    struct mail_ids ids = {0};
    bool in = false;

    mail_ids_answered(&ids, &mail->headers);
    for (size_t i = 0; i < ids.count && !in; i++) {
        char *key = mail_id_key(ids.ids[i]);

        in = key && map_get_str(&campaign->thread, key);
        free(key);
    }
    mail_ids_finish(&ids);
    return in;
}

static void remember(struct map *map, const struct corpus_mail *mail)
{
    struct mail_ids ids = {0};

    mail_ids_scan(&ids, mail_header_raw(&mail->headers, "Message-ID", 0));
    if (ids.count > 0)
        put_id(map, ids.ids[0]);
    mail_ids_finish(&ids);
}

/* Matches one file; the caller finishes the result. */
static bool match_one(struct campaign *campaign, const struct corpus_mail *mail,
                      struct match_result *result)
{
    struct match_lookup lookup = {.by_id = by_id,
                                  .by_thread = by_thread,
                                  .by_sender = by_sender,
                                  .is_ours = is_ours,
                                  .arg = campaign};
    struct mail_verdict verdict;
    struct match_mail input = {.headers = &mail->wanted,
                               .where = MAIL_INBOUND,
                               .mailbox = campaign->message.mailbox,
                               .received = mail->date};

    judge_classify(mail, HEADERS_ONLY, &verdict);
    input.kind = verdict.kind;
    if (campaign->threads && in_thread(campaign, mail))
        input.thread_id = "thread";
    match_find(&input, &lookup, result);
    remember(&campaign->thread, mail);
    if (result->count > 0)
        remember(&campaign->ids, mail);
    return result->count > 0;
}

static void count_evidence(struct matching *matching, const struct match_result *result)
{
    for (size_t e = 0; result->count > 0 && e < result->hits[0].count; e++)
        matching->evidence[result->hits[0].evidence[e]]++;
    matching->by_other += result->count > 0 && result->hits[0].by_other;
}

static void tell(const struct matching *matching, const char *what, const char *sent,
                 const char *path)
{
    if (matching->judge->misses)
        printf("  miss (%s%s): sent %s, came %s\n", what, matching->threads ? ", threads" : "",
               sent, path);
}

static void judge_incoming(struct matching *matching, struct campaign *campaign, const char *sent,
                           struct json_object *row)
{
    const char *path = row_text(row, "path"), *via = row_text(row, "via");
    bool reply = strcmp(row_text(row, "expect"), "reply") == 0, matched;
    struct match_result result = {0};
    struct corpus_mail mail;
    struct tally *tally;

    if (corpus_open(matching->judge->dir, path, &mail) < 0)
        return;
    matched = match_one(campaign, &mail, &result);
    if (!reply)
        tally = &matching->own[matching->threads];
    else if (strcmp(via, "subject") == 0)
        tally = &matching->subject[matching->threads];
    else
        tally = row_true(row, "mentions_root") ? &matching->linked[matching->threads]
                                               : &matching->chained[matching->threads];
    tally->all++;
    tally->right += matched;
    if (reply != matched)
        tell(matching, reply ? via : "own follow-up", sent, path);
    if (matched)
        count_evidence(matching, &result);
    match_result_finish(&result);
    corpus_close(&mail);
}

static void judge_decoy(struct matching *matching, struct campaign *campaign, const char *sent,
                        const char *path)
{
    struct match_result result = {0};
    struct corpus_mail mail;

    if (corpus_open(matching->judge->dir, path, &mail) < 0)
        return;
    matching->decoys[matching->threads].all++;
    if (match_one(campaign, &mail, &result)) {
        matching->decoys[matching->threads].right++;
        tell(matching, "decoy", sent, path);
    }
    match_result_finish(&result);
    corpus_close(&mail);
}

static void begin(struct matching *matching, struct campaign *campaign, struct json_object *row)
{
    struct corpus_mail sent;
    char *subject, *base;

    *campaign = (struct campaign){.threads = matching->threads};
    mail_address_key(row_text(row, "owner"), &campaign->owner);
    campaign->message =
        (struct match_message){.campaign = 1, .person = 1, .enrolment = 1, .mailbox = 1};
    put_id(&campaign->ids, row_text(row, "sent_message_id"));
    put_id(&campaign->thread, row_text(row, "sent_message_id"));
    if (corpus_open(matching->judge->dir, row_text(row, "sent_path"), &sent) < 0)
        return;
    subject = mail_header(&sent.headers, "Subject", 0);
    base = mail_subject_base(subject);
    match_cut_subject(campaign->message.base_subject, sizeof(campaign->message.base_subject), base);
    campaign->message.sent_at = sent.date;
    free(subject);
    free(base);
    corpus_close(&sent);
}

static void each_campaign(void *arg, struct json_object *row)
{
    struct matching *matching = arg;
    struct json_object *list;
    struct campaign campaign;
    const char *sent = row_text(row, "sent_path");

    begin(matching, &campaign, row);
    matching->campaigns++;
    if (json_object_object_get_ex(row, "incoming", &list))
        for (size_t i = 0; i < json_object_array_length(list); i++)
            judge_incoming(matching, &campaign, sent, json_object_array_get_idx(list, i));
    if (json_object_object_get_ex(row, "decoys", &list))
        for (size_t i = 0; i < json_object_array_length(list); i++)
            judge_decoy(matching, &campaign, sent,
                        json_object_get_string(json_object_array_get_idx(list, i)));
    buf_finish(&campaign.owner);
    map_finish(&campaign.ids, NULL);
    map_finish(&campaign.thread, NULL);
}

static void print_matching(struct matching *matching, bool threads)
{
    struct judge *judge = matching->judge;

    printf("\nmatching %zu campaigns, %s\n", matching->campaigns,
           threads ? "where the provider has threads" : "by headers alone");
    judge_bar(judge, "replies that name the sent mail", matching->linked[threads], 1);
    judge_bar(judge, "replies that name another of the conversation", matching->chained[threads],
              threads ? 1 : 0);
    judge_bar(judge, "replies by sender and subject alone", matching->subject[threads], 0.9);
    judge_never(judge, "decoys and subject collisions matched", matching->decoys[threads], 0);
    judge_never(judge, "own follow-ups matched", matching->own[threads], 0);
    for (enum match_evidence e = MATCH_MESSAGE_ID; e <= MATCH_SENDER_SUBJECT; e++)
        printf("  evidence %-43s %6zu\n", match_evidence_name(e), matching->evidence[e]);
}

void judge_campaigns(struct judge *judge)
{
    for (int threads = 0; threads <= 1; threads++) {
        struct matching matching = {.judge = judge, .threads = threads == 1};

        if (corpus_rows(judge->dir, "campaigns.jsonl", each_campaign, &matching) < 0) {
            printf("\n%s/campaigns.jsonl can't be read: matching is not judged.\n", judge->dir);
            judge->failed++;
            return;
        }
        print_matching(&matching, threads == 1);
    }
}

struct pairs {
    struct judge *judge;
    struct tally same, collisions;
    size_t alike; /* marked as different conversations, but the very same words */
};

/* Whether both say the same but for list tags and blanks: no base can part these. */
static bool alike(const char *a, const char *b)
{
    for (;;) {
        while (*a == ' ' || *a == '[')
            a += *a == '[' ? strcspn(a, "]") + (strchr(a, ']') != NULL) : 1;
        while (*b == ' ' || *b == '[')
            b += *b == '[' ? strcspn(b, "]") + (strchr(b, ']') != NULL) : 1;
        if (*a != *b || !*a)
            return *a == *b;
        a++, b++;
    }
}

static void each_pair(void *arg, struct json_object *row)
{
    struct pairs *pairs = arg;
    const char *parent = row_text(row, "parent_subject"), *child = row_text(row, "child_subject");
    char *a = mail_subject_base(parent), *b = mail_subject_base(child);
    bool equal = *a && strcmp(a, b) == 0, want = row_true(row, "same_base");

    if (want) {
        pairs->same.all++;
        pairs->same.right += equal;
    } else if (alike(parent, child)) {
        pairs->alike++;
    } else {
        pairs->collisions.all++;
        pairs->collisions.right += equal;
    }
    if (pairs->judge->misses && want != equal && !(!want && alike(parent, child)))
        printf("  miss (subject): %s | %s\n         bases: %s | %s\n", parent, child, a, b);
    free(a);
    free(b);
}

void judge_subjects(struct judge *judge)
{
    struct pairs pairs = {.judge = judge};

    printf("\nsubjects\n");
    if (corpus_rows(judge->dir, "subject-prefixes/pairs.jsonl", each_pair, &pairs) < 0) {
        printf("  no subject-prefixes/pairs.jsonl there: not judged\n");
        return;
    }
    judge_bar(judge, "pairs of one conversation with one base", pairs.same, 0.9);
    judge_never(judge, "pairs of different conversations with one base", pairs.collisions, 0);
    printf("  %zu pairs marked as different have the very same words, which no base can part\n",
           pairs.alike);
}
