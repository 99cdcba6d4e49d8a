/* control/connect.c: what a mailbox's owner sees: the invitation, and a page for each way that
 * consent can end. */
#include "base/mem.h"
#include "base/text.h"
#include "control/internal.h"
#include "control/page.h"
#include "control/pages.h"
#include "mailbox/mailbox.h"

#include <microhttpd.h>
#include <string.h>

static const char *name_of(const struct mailbox_page *page)
{
    return page->address ? page->address : "your mailbox";
}

static const char *provider_of(const struct mailbox_page *page)
{
    return page->provider ? page->provider : "your mail provider";
}

static unsigned write_invitation(struct exchange *exchange, const struct mailbox_page *page)
{
    static const char *const kept[] = {
        "your permission, encrypted, until you take it back",
        "which messages were sent from your mailbox for you, and when",
        "of answers to those messages: who answered, the subject and the time", NULL};

    exchange->form_anywhere = true;
    page_begin(exchange, PAGE_PLAIN, "Connect your mailbox");
    page_text(exchange,
              "Somebody you work with asks to send mail as %s, and to notice when people answer.",
              name_of(page));
    if (page->asks && *page->asks)
        page_text(exchange, "%s will ask you to allow this:", provider_of(page));
    page_list(exchange, page->asks);
    page_text(exchange, "This is what will be kept:");
    page_list(exchange, kept);
    if (page->text)
        page_text(exchange, "%s", page->text);
    page_button(exchange, "go", "yes", "Go on to sign in");
    page_small(exchange,
               "You sign in at %s, never here; we do not see your password. Sign in as %s: another "
               "account is refused. You can take the permission back at any time.",
               provider_of(page), name_of(page));
    return 200;
}

/* Here the secret itself is given, so the page says where it goes and how it ends. */
static unsigned write_secret_form(struct exchange *exchange, const struct mailbox_page *page)
{
    static const char *const kept[] = {
        "the password, encrypted, until the mailbox is disconnected",
        "which messages were sent from your mailbox for you, and when",
        "of answers to those messages: who answered, the subject and the time", NULL};

    page_begin(exchange, page->asks ? PAGE_PLAIN : PAGE_BAD,
               page->asks ? "Connect your mailbox" : "That did not work yet");
    if (page->asks) {
        page_text(exchange,
                  "Somebody you work with asks to send mail as %s, and to notice when people "
                  "answer. With your password this will be possible:",
                  name_of(page));
        page_list(exchange, page->asks);
        page_text(exchange, "This is what will be kept:");
        page_list(exchange, kept);
    }
    if (page->text)
        page_text(exchange, "%s", page->text);
    page_secret(exchange, "secret", "Password, or app password, of this mailbox", "Connect");
    page_small(
        exchange,
        "Better than your own password is an app password, where %s has them: you can end it "
        "by itself at any time. It is used to sign in to your mail servers and for nothing "
        "else. This is about %s.",
        provider_of(page), name_of(page));
    return page->asks ? 200 : 403;
}

static void write_done(struct exchange *exchange, const struct mailbox_page *page)
{
    page_begin(exchange, PAGE_GOOD, "Your mailbox is connected");
    page_text(exchange, "%s is connected. You can close this window.", name_of(page));
    if (page->outcome == CONNECT_NARROW)
        page_text(exchange,
                  "You allowed a part of what was asked for, so some things will not "
                  "work. %s",
                  page->text ? page->text : "");
    else if (page->text)
        page_text(exchange, "%s", page->text);
    page_small(exchange, "You can take the permission back at any time in your account's security "
                         "settings, or ask whoever sent you the link.");
}

/* The owner's page while an administrator is waited for. */
static unsigned write_waiting(struct exchange *exchange, const struct mailbox_page *page)
{
    exchange->form_anywhere = true;
    page_begin(exchange, PAGE_PLAIN, "Your administrator must agree first");
    page_text(exchange,
              "Your organisation lets only an administrator allow what was asked for, so %s is not "
              "connected yet.",
              name_of(page));
    if (page->text)
        page_text(exchange, "%s", page->text);
    if (page->location) {
        page_text(exchange,
                  "Send this link to your administrator, or open it if you are one. It asks %s for "
                  "consent in the whole organisation:",
                  provider_of(page));
        page_link(exchange, page->location);
    }
    if (page->signed_in) {
        page_text(exchange, "You need do no more: as soon as they have agreed, your mailbox is "
                            "connected by itself. You can close this window.");
        return 200;
    }
    page_text(exchange, "You can sign in now already, and need not come back then: you allow "
                        "nothing by that but to be recognised, and your mailbox is connected by "
                        "itself as soon as they have agreed. Some organisations do not allow that "
                        "either; then open the link that you were sent once they have.");
    page_button(exchange, "go", "early", "Sign in now");
    page_text(exchange, "Have they agreed?");
    page_button(exchange, "go", "yes", "Try again");
    return 200;
}

static unsigned write_admin_done(struct exchange *exchange)
{
    page_begin(exchange, PAGE_GOOD, "Thank you, consent is given");
    page_text(exchange, "The people of your organisation who were asked to connect their mailboxes "
                        "can do so now. Who has signed in already is connected by itself; the "
                        "others open the link that they were sent once more.");
    page_text(exchange, "You can close this window.");
    page_small(exchange, "You can take the consent back at any time among your organisation's "
                         "applications.");
    return 200;
}

struct ending { /* how consent can go wrong, and what to say then */
    unsigned status;
    const char *title, *text, *next;
};
static const struct ending endings[] = {
    [CONNECT_LINK_BAD] = {404, "This link is not valid",
                          "It is not one of ours, or a newer one was made after it.",
                          "Copy the whole link from the newest mail or message that you got. If it "
                          "still does not work, ask for a new one."},
    [CONNECT_LINK_EXPIRED] = {410, "This link is too old",
                              "Links like this one work for seven days.",
                              "Ask whoever sent it to you for a new one."},
    [CONNECT_CANCELLED] = {403, "You did not give permission",
                           "Nothing was connected, and nothing was kept.",
                           "If that was a slip of the hand, open the link that you were sent once "
                           "more."},
    [CONNECT_WRONG_ACCOUNT] = {403, "That was another account",
                               "You signed in with an account that is not the one this link is "
                               "for. Its permission was given back, and nothing of it was kept.",
                               "Open the link once more, and choose the right account when you "
                               "sign in. A private window helps where the wrong one is chosen by "
                               "itself."},
    [CONNECT_ALIAS] = {403, "That address is an alias",
                       "The account that you signed in with has this address only as an alias; its "
                       "own address is another one. The permission was given back, and nothing was "
                       "kept.",
                       "Ask whoever sent you the link for one to the account's own address."},
    [CONNECT_SCOPE_MISSING] = {403, "Something that is needed was left unticked",
                               "Without it not even sending works, so nothing was connected, and "
                               "nothing was kept.",
                               "Open the link once more, and leave all the boxes ticked."},
    [CONNECT_STATE_UNKNOWN] = {400, "This sign-in is over",
                               "It was finished before, or was left waiting for more than ten "
                               "minutes. Nothing was changed.",
                               "Open the link that you were sent once more."},
    [CONNECT_STATE_FOREIGN] = {403, "This sign-in began elsewhere",
                               "It was begun in another browser, or for another provider. Nothing "
                               "was changed.",
                               "Open the link that you were sent here, in this browser, and go on "
                               "from there. Cookies must be allowed for that."},
    [CONNECT_PROVIDER_SAYS_NO] = {502, "Your provider refused",
                                  "Your mail provider did not allow the connection. Nothing was "
                                  "connected, and nothing was kept.",
                                  "Show this page to whoever sent you the link, or to the people "
                                  "who run your mail."},
    [CONNECT_ADMIN_NO] =
        {403, "Consent was not given",
         "Your organisation's mailboxes can't be connected without it. Nothing was "
         "changed.",
         "If that was a slip of the hand, open the link that you were sent once "
         "more. Only an administrator can consent for an organisation."},
    [CONNECT_FAILED] = {502, "That did not work",
                        "Your permission could not be fetched from your mail provider. Nothing was "
                        "connected, and nothing was kept.",
                        "Wait a minute, and open the link once more."},
};

static unsigned write_ending(struct exchange *exchange, const struct mailbox_page *page)
{
    bool known =
        (size_t)page->outcome < sizeof(endings) / sizeof(*endings) && endings[page->outcome].title;
    const struct ending *ending = &endings[known ? page->outcome : CONNECT_FAILED];

    page_begin(exchange, PAGE_BAD, ending->title);
    page_text(exchange, "%s", ending->text);
    if (page->text && *page->text)
        page_text(exchange, "%s", page->text);
    page_text(exchange, "%s", ending->next);
    if (page->address)
        page_small(exchange, "This is about %s.", page->address);
    return ending->status;
}

void connect_write(struct exchange *exchange, const struct mailbox_page *page)
{
    unsigned status = 200;

    if (page->outcome == CONNECT_SHOW) {
        status = write_invitation(exchange, page);
    } else if (page->outcome == CONNECT_ASK_SECRET) {
        status = write_secret_form(exchange, page);
    } else if (page->outcome == CONNECT_DONE || page->outcome == CONNECT_NARROW) {
        write_done(exchange, page);
    } else if (page->outcome == CONNECT_WAITING) {
        status = write_waiting(exchange, page);
    } else if (page->outcome == CONNECT_ADMIN_DONE) {
        status = write_admin_done(exchange);
    } else if (page->outcome == CONNECT_REDIRECT && page->location) {
        page_begin(exchange, PAGE_PLAIN, "Going on to your mail provider");
        exchange->location = mem_str(page->location);
        status = 303;
    } else {
        status = write_ending(exchange, page);
    }
    exchange->cookie = mem_str(page->cookie);
    page_end(exchange, status);
}

static void on_page(void *arg, const struct mailbox_page *page)
{
    struct exchange *exchange = arg;

    if (exchange_back(exchange))
        connect_write(exchange, page);
}

void connect_show(struct exchange *exchange)
{
    exchange_wait(exchange);
    mailbox_link_show(exchange->control->options.mailboxes, exchange->params[0], on_page, exchange);
}

/* A value of the form, decoded into memory that is wiped; false: it is not there. */
static bool form_value(const struct exchange *exchange, const char *name, struct buf *value)
{
    size_t len = strlen(name);

    for (const char *at = buf_text(&exchange->body); *at;) {
        size_t part = strcspn(at, "&");

        if (part > len && strncmp(at, name, len) == 0 && at[len] == '=') {
            buf_reserve(value, part + 1);
            return text_percent_decode(value, at + len + 1, part - len - 1, true) &&
                   !memchr(buf_text(value), '\0', value->len);
        }
        at += part;
        at += *at == '&';
    }
    return false;
}

void connect_go(struct exchange *exchange)
{
    auto_wiped_buf struct buf secret = {0};
    auto_buf struct buf how = {0};
    bool given = form_value(exchange, "secret", &secret);
    const char *cookie = exchange_header(exchange, MHD_HTTP_HEADER_COOKIE);

    exchange_wait(exchange);
    if (given) {
        mailbox_link_secret(exchange->control->options.mailboxes, exchange->params[0], cookie,
                            buf_text(&secret), on_page, exchange);
        return;
    }
    if (form_value(exchange, "go", &how) && strcmp(buf_text(&how), "early") == 0)
        mailbox_link_early(exchange->control->options.mailboxes, exchange->params[0], on_page,
                           exchange);
    else
        mailbox_link_go(exchange->control->options.mailboxes, exchange->params[0], on_page,
                        exchange);
}

void connect_admin(struct exchange *exchange)
{
    exchange_wait(exchange);
    mailbox_admin_callback(exchange->control->options.mailboxes, exchange->params[0],
                           exchange->query, on_page, exchange);
}

void connect_callback(struct exchange *exchange)
{
    const char *cookie = exchange_header(exchange, MHD_HTTP_HEADER_COOKIE);

    exchange_wait(exchange);
    mailbox_callback(exchange->control->options.mailboxes, exchange->params[0], exchange->query,
                     cookie, on_page, exchange);
}
