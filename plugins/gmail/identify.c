/* gmail/identify.c: who the mailbox is: Google's account, its address, and what it may send as. */
#include "gmail.h"

#include <stdlib.h>
#include <string.h>

struct identify {
    struct gmail_job job;
    struct wire_userinfo info;
    char *address;  /* the profile's: the mailbox's primary address */
    char **aliases; /* NULL: not known                              */
};

static void release(struct gmail_job *job)
{
    struct identify *it = (struct identify *)job;

    wire_userinfo_free(&it->info);
    free(it->address);
    if (it->aliases)
        text_list_free(it->aliases);
}

static void finish(struct identify *it)
{
    struct rider_identity identity = {
        .size = sizeof(identity),
        .subject = it->info.subject,
        .address = it->address ? it->address : it->info.address,
        .name = it->info.name,
        .aliases = (const char *const *)it->aliases,
        .tenant = it->info.domain,
    };
    struct gmail_failure failure;

    if (!identity.address) {
        gmail_failure_say(&failure, RIDER_AUTH, RIDER_MAILBOX,
                          "Google did not say the account's address: sign in again and leave every "
                          "box ticked");
        gmail_job_fail(&it->job, &failure);
        return;
    }
    it->job.session->host->identify_done(it->job.op, &identity);
    gmail_job_free(&it->job);
}

static void got_aliases(struct gmail_job *job, const struct rider_http_response *response)
{
    struct identify *it = (struct identify *)job;

    if (gmail_ok(response))
        it->aliases = wire_aliases_read(response->body.data, response->body.len);
    else if (response->status != 403) { /* a lack of scope only leaves them unknown */
        gmail_job_fail_with(job, response);
        return;
    }
    finish(it);
}

static void got_profile(struct gmail_job *job, const struct rider_http_response *response)
{
    struct identify *it = (struct identify *)job;
    struct wire_profile profile;

    if (!gmail_ok(response)) {
        gmail_job_fail_with(job, response);
        return;
    }
    if (wire_profile_read(&profile, response->body.data, response->body.len) < 0) {
        gmail_job_broken(job);
        return;
    }
    it->address = profile.address;
    if (job->session->may & GMAIL_MAY_READ)
        gmail_job_get(job, "settings.sendAs.list", "/settings/sendAs", got_aliases);
    else
        finish(it);
}

static void got_userinfo(struct gmail_job *job, const struct rider_http_response *response)
{
    struct identify *it = (struct identify *)job;

    if (!gmail_ok(response)) {
        gmail_job_fail_with(job, response);
        return;
    }
    if (wire_userinfo_read(&it->info, response->body.data, response->body.len) < 0) {
        gmail_job_broken(job);
        return;
    }
    if (!it->info.verified) { /* an address that Google does not vouch for proves nothing */
        free(it->info.address);
        it->info.address = NULL;
    }
    if (job->session->may & GMAIL_MAY_PROFILE)
        gmail_job_get(job, "users.getProfile", "/profile", got_profile);
    else
        finish(it);
}

void gmail_identify(struct rider_session *session, struct rider_op *op)
{
    struct identify *it = gmail_job_new(session, op, sizeof(*it), release);
    struct gmail_request request = {
        .method = "userinfo", .verb = "GET", .url = session->userinfo, .doing = GMAIL_READING};

    gmail_job_request(&it->job, &request, got_userinfo);
}
