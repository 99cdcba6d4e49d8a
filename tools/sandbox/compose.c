/* sandbox/compose.c: the mail that people, servers and strangers send. */
#include "sandbox/people.h"

#include "sandbox/http.h"
#include "sandbox/values.h"
#include "sandbox/world.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

static const char original_begin[] = "Content-Type: message/rfc822\r\n\r\n";

static const char *domain_of(const char *address)
{
    const char *at = strrchr(address, '@');

    return at ? at + 1 : "mail.example";
}

/* "jo.miller@x" is "Jo Miller". */
static char *name_of(const char *address)
{
    char *name = mem_strn(address, strcspn(address, "@"));
    bool first = true;

    for (char *p = name; *p; p++) {
        if (*p == '.' || *p == '_' || *p == '-' || *p == '+')
            *p = ' ';
        else if (first && *p >= 'a' && *p <= 'z')
            *p = (char)(*p - 'a' + 'A');
        first = *p == ' ';
    }
    return name;
}

static const char *subject_of(const struct people_mail *message)
{
    const char *subject = mime_headers_get(message->headers, "Subject");

    return subject ? subject : "";
}

/* What every mail has that came from outside. */
static void head_begin(struct buf *mail, const char *to, const char *from, uint64_t hash)
{
    char when[48];

    mime_date(world_now(), when);
    buf_printf(mail,
               "Delivered-To: %s\r\n"
               "Received: by 2002:a05:6512:%x:b0:%x with SMTP id h%u;\r\n        %s\r\n"
               "Return-Path: <%s>\r\n"
               "Received: from mail.%s (mail.%s. [192.0.2.%u])\r\n"
               "        by mx.google.com with ESMTPS id %016llx\r\n"
               "        for <%s>\r\n        (version=TLS1_3 cipher=TLS_AES_256_GCM_SHA384);\r\n"
               "        %s\r\n"
               "MIME-Version: 1.0\r\nDate: %s\r\n",
               to, (unsigned)(hash & 0xffff), (unsigned)(hash >> 16 & 0xffff),
               (unsigned)(hash % 90000), when, from, from[0] ? domain_of(from) : "google.com",
               from[0] ? domain_of(from) : "google.com", (unsigned)(hash % 250) + 1,
               (unsigned long long)sbx_mix(hash ^ 11), to, when, when);
}

static void references_add(struct buf *mail, const struct people_mail *of)
{
    const char *before = mime_headers_get(of->headers, "References");

    buf_printf(mail, "In-Reply-To: %s\r\nReferences: %s%s%s\r\n", of->message_id,
               before ? before : "", before ? "\r\n " : "", of->message_id);
}

static void message_id_add(struct buf *mail, const char *from, uint64_t hash)
{
    buf_printf(mail, "Message-ID: <%016llx.%u@%s>\r\n", (unsigned long long)sbx_mix(hash ^ 12),
               (unsigned)(hash % 100000), domain_of(from));
}

static char *elsewhere(const char *person)
{
    return mem_printf("%.*s.private@home.example", (int)strcspn(person, "@"), person);
}

/* Where an answer goes: Reply-To, else From, of what it answers. */
static char *answer_to(const struct people_mail *of)
{
    char *address = mime_address_first(mime_headers_get(of->headers, "Reply-To"));

    if (!address)
        address = mime_address_first(mime_headers_get(of->headers, "From"));
    return address ? address : mem_str(of->address);
}

static void compose_reply(struct buf *mail, const struct deed *deed, char **from_r)
{
    const struct people_mail *of = &deed->of;
    char *from = deed->kind == DEED_OTHER_ADDRESS ? elsewhere(deed->person) : mem_str(deed->person);
    auto_free char *name = name_of(deed->person), *to = answer_to(of);

    head_begin(mail, to, from, deed->hash);
    message_id_add(mail, from, deed->hash);
    if (deed->kind != DEED_NO_REFERENCES)
        references_add(mail, of);
    if (deed->kind == DEED_CHANGED_SUBJECT)
        buf_add_str(mail, "Subject: Let us talk\r\n");
    else
        buf_printf(mail, "Subject: %s%s\r\n",
                   text_starts_fold(subject_of(of), "Re:") ? "" : "Re: ", subject_of(of));
    buf_printf(mail,
               "From: %s <%s>\r\nTo: <%s>\r\nContent-Type: text/plain; charset=\"UTF-8\"\r\n\r\n"
               "Hello,\r\n\r\nthank you for writing (canary-body-%016llx).\r\n\r\n%s\r\n",
               name, from, to, (unsigned long long)deed->hash, name);
    *from_r = from;
}

/* The two that one meets most: Exchange's and Gmail's. */
static void compose_away(struct buf *mail, const struct deed *deed, char **from_r)
{
    const struct people_mail *of = &deed->of;
    auto_free char *name = name_of(deed->person), *to = answer_to(of);
    bool exchange = deed->hash % 2;
    char back[48];

    mime_date(world_now() + (3 + (int64_t)(deed->hash % 10)) * SBX_DAY, back);
    back[strcspn(back, ":") - 3] = '\0'; /* the day, not the hour */
    head_begin(mail, to, exchange ? "" : deed->person, deed->hash);
    message_id_add(mail, deed->person, deed->hash);
    references_add(mail, of);
    buf_printf(mail, "Subject: %s%s\r\n",
               exchange ? "Automatic reply: " : "Out of office Re: ", subject_of(of));
    buf_add_str(mail, exchange
                          ? "Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: All\r\n"
                            "X-MS-Has-Attach:\r\nX-MS-TNEF-Correlator:\r\n"
                          : "Auto-Submitted: auto-replied\r\nPrecedence: bulk\r\n"
                            "X-Autoreply: yes\r\n");
    buf_printf(mail,
               "From: %s <%s>\r\nTo: <%s>\r\nContent-Type: text/plain; charset=\"UTF-8\"\r\n\r\n"
               "I am out of the office until %s (canary-body-%016llx).\r\n",
               name, deed->person, to, back, (unsigned long long)deed->hash);
    *from_r = mem_str(deed->person);
}

static void compose_auto(struct buf *mail, const struct deed *deed, char **from_r)
{
    const struct people_mail *of = &deed->of;
    auto_free char *to = answer_to(of);

    head_begin(mail, to, deed->person, deed->hash);
    message_id_add(mail, deed->person, deed->hash);
    references_add(mail, of);
    buf_printf(mail,
               "Subject: [Ticket#%06u] Re: %s\r\nAuto-Submitted: auto-replied\r\n"
               "Precedence: auto_reply\r\nFrom: Service Desk <%s>\r\nTo: <%s>\r\n"
               "Content-Type: text/plain; charset=\"UTF-8\"\r\n\r\n"
               "We have received your request (canary-body-%016llx).\r\n",
               (unsigned)(deed->hash % 1000000), subject_of(of), deed->person, to,
               (unsigned long long)deed->hash);
    *from_r = mem_str(deed->person);
}

static void original_add(struct buf *mail, const struct people_mail *of, const char *boundary)
{
    buf_printf(mail, "--%s\r\n%s", boundary, original_begin);
    buf_add(mail, of->raw, of->headers->length);
    buf_printf(mail, "----- Message truncated -----\r\n\r\n--%s--\r\n", boundary);
}

/* As Gmail's own are: RFC 3464 in a multipart/report, X-Failed-Recipients, the sent thread. */
static void compose_bounce(struct buf *mail, const struct deed *deed, char **from_r)
{
    static const char from[] = "mailer-daemon@googlemail.com";
    const struct people_mail *of = &deed->of;
    bool hard = deed->kind == DEED_BOUNCE_HARD;
    const char *host = domain_of(deed->person);
    auto_free char *boundary = mem_printf("%024llx", (unsigned long long)sbx_mix(deed->hash));
    char when[48];

    mime_date(world_now(), when);
    head_begin(mail, of->address, "", deed->hash);
    buf_printf(mail,
               "Auto-Submitted: auto-replied\r\nFrom: Mail Delivery Subsystem <%s>\r\nTo: %s\r\n"
               "X-Failed-Recipients: %s\r\nSubject: Delivery Status Notification (Failure)\r\n",
               from, of->address, deed->person);
    references_add(mail, of);
    buf_printf(
        mail,
        "Message-ID: <%016llx.%u.google@mx.google.com>\r\n"
        "Content-Type: multipart/report; boundary=\"%s\"; report-type=delivery-status\r\n\r\n"
        "--%s\r\nContent-Type: text/plain; charset=\"UTF-8\"\r\n\r\n"
        "** %s **\r\n\r\nYour message wasn't delivered to %s because %s.\r\n\r\n",
        (unsigned long long)sbx_mix(deed->hash ^ 12), (unsigned)(deed->hash % 100000), boundary,
        boundary, hard ? "Address not found" : "Recipient inbox full", deed->person,
        hard ? "the address couldn't be found, or is unable to receive mail"
             : "the recipient's inbox is full, and we stopped trying");
    buf_printf(mail,
               "--%s\r\nContent-Type: message/delivery-status\r\n\r\n"
               "Reporting-MTA: dns; googlemail.com\r\nArrival-Date: %s\r\n"
               "X-Original-Message-ID: %s\r\n\r\n"
               "Final-Recipient: rfc822; %s\r\nAction: failed\r\nStatus: %s\r\n"
               "Remote-MTA: dns; mail.%s. (192.0.2.25, the server for the domain %s.)\r\n"
               "Diagnostic-Code: smtp; %s\r\nLast-Attempt-Date: %s\r\n\r\n",
               boundary, when, of->message_id, deed->person, hard ? "5.1.1" : "4.2.2", host, host,
               hard ? "550 5.1.1 The email account that you tried to reach does not exist."
                    : "452 4.2.2 The email account that you tried to reach is over quota.",
               when);
    original_add(mail, of, boundary);
    *from_r = mem_str(from);
}

/* As Exchange's own are: from "Microsoft Outlook", with its own mark, into the Inbox. */
static void compose_ndr(struct buf *mail, const struct deed *deed, char **from_r)
{
    const struct people_mail *of = &deed->of;
    const char *host = domain_of(deed->person), *status, *reason;
    auto_free char *boundary = mem_printf("_%016llx_", (unsigned long long)sbx_mix(deed->hash));
    char *from =
        mem_printf("MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@%s", domain_of(of->address));
    char when[48];

    status = deed->kind == DEED_LIMIT         ? "5.7.233"
             : deed->kind == DEED_BOUNCE_HARD ? "5.1.1"
                                              : "4.2.2";
    reason = deed->kind == DEED_LIMIT
                 ? "550 5.7.233 Your message can't be sent because your tenant exceeded its daily "
                   "limit for sending email to external recipients (tenant external recipient "
                   "rate limit)"
             : deed->kind == DEED_BOUNCE_HARD ? "550 5.1.1 RESOLVER.ADR.RecipientNotFound; not "
                                                "found"
                                              : "452 4.2.2 Mailbox full";
    mime_date(world_now(), when);
    head_begin(mail, of->address, "", deed->hash);
    message_id_add(mail, from, deed->hash);
    references_add(mail, of);
    buf_printf(mail,
               "From: Microsoft Outlook <%s>\r\nTo: <%s>\r\nSubject: Undeliverable: %s\r\n"
               "Auto-Submitted: auto-replied\r\nX-MS-Exchange-Message-Is-Ndr:\r\n"
               "Content-Type: multipart/report; report-type=delivery-status;\r\n"
               "\tboundary=\"%s\"\r\n\r\n"
               "--%s\r\nContent-Type: text/html; charset=\"utf-8\"\r\n\r\n"
               "<p>Your message to %s couldn't be delivered.</p>\r\n"
               "--%s\r\nContent-Type: message/delivery-status\r\n\r\n"
               "Reporting-MTA: dns;AM0P190MB0001.EURP190.PROD.OUTLOOK.COM\r\n"
               "Received-From-MTA: dns;AM0P190MB0001.EURP190.PROD.OUTLOOK.COM\r\n"
               "Arrival-Date: %s\r\n\r\n"
               "Original-Recipient: rfc822;%s\r\nFinal-Recipient: rfc822;%s\r\n"
               "Action: failed\r\nStatus: %s\r\nRemote-MTA: dns;mail.%s\r\n"
               "Diagnostic-Code: smtp;%s\r\n\r\n",
               from, of->address, subject_of(of), boundary, boundary, deed->person, boundary, when,
               deed->person, deed->person, status, host, reason);
    original_add(mail, of, boundary);
    *from_r = from;
}

/* RFC 5965. */
static void compose_complaint(struct buf *mail, const struct deed *deed, char **from_r)
{
    const struct people_mail *of = &deed->of;
    char *from = mem_printf("feedback@%s", domain_of(deed->person));
    auto_free char *boundary = mem_printf("arf%016llx", (unsigned long long)deed->hash);
    auto_free char *sender = mime_address_first(mime_headers_get(of->headers, "From"));

    head_begin(mail, of->address, "", deed->hash);
    message_id_add(mail, from, deed->hash);
    buf_printf(mail,
               "Subject: Abuse report: %s\r\nFrom: <%s>\r\nTo: <%s>\r\n"
               "Content-Type: multipart/report; report-type=feedback-report;\r\n"
               " boundary=\"%s\"\r\n\r\n"
               "--%s\r\nContent-Type: text/plain\r\n\r\nThis is an abuse report.\r\n"
               "--%s\r\nContent-Type: message/feedback-report\r\n\r\n"
               "Feedback-Type: abuse\r\nUser-Agent: ExampleFeedback/1.0\r\nVersion: 1\r\n"
               "Original-Mail-From: <%s>\r\nOriginal-Rcpt-To: <%s>\r\n\r\n",
               subject_of(of), from, of->address, boundary, boundary, boundary,
               sender ? sender : of->address, deed->person);
    original_add(mail, of, boundary);
    *from_r = from;
}

/* To the mailto: of List-Unsubscribe; where there is none, an answer that says so. */
static void compose_unsubscribe(struct buf *mail, const struct deed *deed, char **from_r)
{
    const struct people_mail *of = &deed->of;
    const char *value = mime_headers_get(of->headers, "List-Unsubscribe");
    const char *link = value ? strcasestr(value, "<mailto:") : NULL;
    auto_free char *name = name_of(deed->person), *to = NULL, *subject = NULL;

    if (link) {
        auto_free char *target = mem_strn(link + 8, strcspn(link + 8, ">"));
        size_t len = strcspn(target, "?");

        if (target[len])
            subject = sbx_parameter(target + len + 1, "subject", 0);
        to = mem_strn(target, len);
    } else {
        to = answer_to(of);
    }
    head_begin(mail, to, deed->person, deed->hash);
    message_id_add(mail, deed->person, deed->hash);
    if (!link)
        references_add(mail, of);
    buf_printf(mail, "Subject: %s%s\r\n",
               link ? "" : "Re: ", link ? (subject ? subject : "unsubscribe") : subject_of(of));
    buf_printf(mail,
               "From: %s <%s>\r\nTo: <%s>\r\nContent-Type: text/plain; charset=\"UTF-8\"\r\n\r\n"
               "unsubscribe\r\n",
               name, deed->person, to);
    *from_r = mem_str(deed->person);
}

void compose(struct buf *mail, const struct deed *deed, char **from_r)
{
    switch (deed->kind) {
    case DEED_AUTO_REPLY:
        compose_auto(mail, deed, from_r);
        break;
    case DEED_OUT_OF_OFFICE:
        compose_away(mail, deed, from_r);
        break;
    case DEED_BOUNCE_HARD:
    case DEED_BOUNCE_SOFT:
    case DEED_LIMIT:
        if (deed->of.side->exchange)
            compose_ndr(mail, deed, from_r);
        else
            compose_bounce(mail, deed, from_r);
        break;
    case DEED_UNSUBSCRIBE:
        compose_unsubscribe(mail, deed, from_r);
        break;
    case DEED_COMPLAINT:
        compose_complaint(mail, deed, from_r);
        break;
    default:
        compose_reply(mail, deed, from_r);
    }
}

void compose_unrelated(struct buf *mail, const char *address, uint64_t hash, char **from_r)
{
    static const char *const kinds[] = {
        "",
        "List-Id: News <news.stranger.example>\r\nPrecedence: bulk\r\n"
        "List-Unsubscribe: <https://stranger.example/u/1>\r\n",
        "In-Reply-To: <canary-other@stranger.example>\r\n"
        "References: <canary-older@stranger.example> <canary-other@stranger.example>\r\n",
        "Auto-Submitted: auto-generated\r\n",
    };
    unsigned long long mark = (unsigned long long)sbx_mix(hash ^ 21);
    char *from = mem_printf("canary-from-%016llx@stranger.example", mark);

    head_begin(mail, address, from, hash);
    buf_printf(mail,
               "Message-ID: <canary-id-%016llx@stranger.example>\r\n%s"
               "Subject: canary-subject-%016llx and lunch\r\nX-Canary: canary-header-%016llx\r\n"
               "From: \"Canary-Name-%016llx\" <%s>\r\nTo: <%s>\r\n"
               "Content-Type: text/plain; charset=\"UTF-8\"\r\n\r\n"
               "canary-body-%016llx: nothing of this is for you.\r\n",
               mark, kinds[hash % ARRAY_LEN(kinds)], mark, mark, mark, from, address, mark);
    *from_r = from;
}

void compose_asked(struct buf *mail, struct json_object *asked, const char *to, uint64_t mark)
{
    const char *raw = sbx_json_text(asked, "raw"), *from = sbx_json_text(asked, "from");
    const char *subject = sbx_json_text(asked, "subject"), *text = sbx_json_text(asked, "text");
    struct json_object *headers = sbx_json_get(asked, "headers");
    char when[48];

    if (raw) {
        buf_add_str(mail, raw);
        return;
    }
    buf_printf(mail, "From: %s\r\nTo: %s\r\nSubject: %s\r\nDate: %s\r\n",
               from ? from : "somebody@stranger.example", to, subject ? subject : "",
               mime_date(world_now(), when));
    if (json_object_is_type(headers, json_type_object)) {
        json_object_object_foreach (headers, name, value) {
            buf_printf(mail, "%s: %s\r\n", name, json_object_get_string(value));
        }
    }
    if (!sbx_json_get(headers, "Message-ID"))
        buf_printf(mail, "Message-ID: <%016llx@stranger.example>\r\n", (unsigned long long)mark);
    buf_printf(mail, "\r\n%s\r\n", text ? text : "");
}

struct json_object *mime_headers_dump(const struct mime_headers *headers)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < headers->count; i++) {
        struct json_object *header = json_object_new_array();

        json_object_array_add(header,
                              sbx_json_safe(headers->list[i].name, strlen(headers->list[i].name)));
        json_object_array_add(
            header, sbx_json_safe(headers->list[i].value, strlen(headers->list[i].value)));
        json_object_array_add(list, header);
    }
    return list;
}
