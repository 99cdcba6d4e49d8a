/* engine/brain.c: what decisions need at hand: parsed sequences, holidays, an enrolment's facts. */
#include "base/mem.h"
#include "engine/internal.h"

#include <errno.h>
#include <string.h>

struct known_sequence {
    uint32_t revision;
    struct sequence *sequence;
};

int brain_sequence(struct brain *brain, const struct campaign *campaign,
                   const struct sequence **sequence_r)
{
    struct known_sequence *known = map_get_u64(&brain->sequences, campaign->id);
    auto_mistakes struct mistakes mistakes = {0};
    struct sequence *sequence;
    int r;

    if (known && known->revision == campaign->revision) {
        *sequence_r = known->sequence;
        return 0;
    }
    r = sequence_read(campaign->name, campaign->source, strlen(campaign->source), &mistakes,
                      &sequence);
    if (r < 0)
        return r;
    if (!known) {
        known = mem_new(sizeof(*known));
        map_put_u64(&brain->sequences, campaign->id, known);
    }
    sequence_free(known->sequence);
    known->sequence = sequence;
    known->revision = campaign->revision;
    *sequence_r = sequence;
    return 0;
}

static void known_free(void *arg)
{
    struct known_sequence *known = arg;

    sequence_free(known->sequence);
    free(known);
}

void brain_init(struct brain *brain, const struct engine_options *options,
                const struct holidays *const *holidays, size_t count)
{
    *brain = (struct brain){.options = options, .holidays = holidays, .holidays_count = count};
    brain->zones = zones_new();
}

void brain_finish(struct brain *brain)
{
    map_finish(&brain->sequences, known_free);
    zones_free(brain->zones);
}

size_t brain_holidays(const struct brain *brain, const struct sequence *sequence,
                      const struct holidays **list, size_t room)
{
    size_t count = 0;

    for (size_t i = 0; sequence->holidays && sequence->holidays[i]; i++)
        for (size_t k = 0; k < brain->holidays_count && count < room; k++)
            if (strcmp(sequence->holidays[i], holidays_name(brain->holidays[k])) == 0)
                list[count++] = brain->holidays[k];
    return count;
}

int64_t brain_day(const struct brain *brain, const char *zone_name_, int64_t now)
{
    const struct zone *zone = zone_name_ ? zones_get(brain->zones, zone_name_) : NULL;
    int64_t ms;
    int32_t day;

    if (!zone)
        zone = zones_get(brain->zones, "UTC");
    zone_local(zone, now, &day, &ms);
    return day;
}

int decide_load_lane(struct store_txn *txn, struct brain *brain, uint64_t mailbox,
                     uint64_t campaign, struct decide_facts *facts)
{
    int r = store_campaign_get(txn, campaign, &facts->campaign);

    if (r == 0)
        r = store_mailbox_get(txn, mailbox, &facts->mailbox);
    if (r == 0) {
        r = store_pulse_get(txn, mailbox, &facts->pulse);
        r = r == -ENOENT ? 0 : r;
    }
    if (r == 0) {
        r = store_lane_get(txn, mailbox, campaign, &facts->lane);
        r = r == -ENOENT ? 0 : r;
    }
    return r < 0 ? r : brain_sequence(brain, &facts->campaign, &facts->sequence);
}

int decide_load_person(struct store_txn *txn, uint64_t enrolment, struct decide_facts *facts)
{
    int r;

    record_enrolment_finish(&facts->enrolment);
    record_person_finish(&facts->person);
    facts->enrolment = (struct enrolment){0};
    facts->person = (struct person){0};
    r = store_enrolment_get(txn, enrolment, &facts->enrolment);
    return r < 0 ? r : store_person_get(txn, facts->enrolment.person, &facts->person);
}

static int load_lane_of(struct store_txn *txn, struct brain *brain, struct decide_facts *facts)
{
    return decide_load_lane(txn, brain, facts->enrolment.mailbox, facts->enrolment.campaign, facts);
}

int decide_load(struct store_txn *txn, struct brain *brain, uint64_t enrolment,
                struct decide_facts *facts)
{
    int r = decide_load_person(txn, enrolment, facts);

    return r < 0 ? r : load_lane_of(txn, brain, facts);
}

int decide_load_erased(struct store_txn *txn, struct brain *brain, uint64_t enrolment,
                       struct decide_facts *facts)
{
    int r = decide_load_person(txn, enrolment, facts);

    return r < 0 && (r != -ENOENT || !facts->enrolment.id) ? r : load_lane_of(txn, brain, facts);
}

void decide_facts_finish(struct decide_facts *facts)
{
    record_campaign_finish(&facts->campaign);
    record_enrolment_finish(&facts->enrolment);
    record_person_finish(&facts->person);
    record_mailbox_finish(&facts->mailbox);
    record_mailbox_pulse_finish(&facts->pulse);
    record_lane_finish(&facts->lane);
    *facts = (struct decide_facts){0};
}

static enum decide_campaign campaign_word(int32_t status)
{
    switch (status) {
    case CAMPAIGN_RUNNING:
    case CAMPAIGN_STARTING:
        return DECIDE_CAMPAIGN_RUNNING;
    case CAMPAIGN_PAUSED:
        return DECIDE_CAMPAIGN_PAUSED;
    case CAMPAIGN_DRAFT:
        return DECIDE_CAMPAIGN_DRAFT;
    default:
        return DECIDE_CAMPAIGN_REMOVED;
    }
}

static enum decide_mailbox mailbox_word(int32_t status)
{
    switch (status) {
    case MAILBOX_ACTIVE:
        return DECIDE_MAILBOX_READY;
    case MAILBOX_PENDING:
        return DECIDE_MAILBOX_PENDING;
    case MAILBOX_WAITING:
        return DECIDE_MAILBOX_WAITING;
    case MAILBOX_RECONNECT:
        return DECIDE_MAILBOX_RECONNECT;
    case MAILBOX_PAUSED:
        return DECIDE_MAILBOX_ON_PAUSE;
    default:
        return DECIDE_MAILBOX_GONE;
    }
}

/* Deterministic, so that asking twice gives the same gap. */
static uint64_t jitter_of(const struct brain *brain, const struct decide_facts *facts)
{
    uint64_t key[2] = {facts->mailbox.id, (uint64_t)facts->pulse.last_sent_at}, value;
    uint8_t hash[16];

    seal_hash(brain->options->seal, "jitter", key, sizeof(key), hash);
    memcpy(&value, hash, sizeof(value));
    return value;
}

static bool stops_on(const struct sequence *sequence, unsigned bit)
{
    return (sequence->stop_on & bit) != 0;
}

static void answered_words(const struct decide_facts *facts, struct decide_input *input)
{
    const struct person *person = &facts->person;
    uint32_t marks = facts->enrolment.marks;

    if (person->answered_at)
        switch (person->answer_kind) {
        case REPLY_BOUNCE_HARD:
            input->bounced = true;
            break;
        case REPLY_UNSUBSCRIBE:
            input->unsubscribed = true;
            break;
        case REPLY_COMPLAINT:
            input->complained = true;
            break;
        default:
            input->answered = stops_on(facts->sequence, SEQUENCE_STOP_REPLY);
        }
    input->bounced |= (marks & (MARK_BOUNCED_HARD | MARK_BOUNCED_UNKNOWN)) != 0;
    input->unsubscribed |= (marks & MARK_UNSUBSCRIBED) != 0;
    input->complained |= (marks & MARK_COMPLAINED) != 0;
    input->auto_replied = (marks & MARK_AUTO_REPLIED) != 0;
}

int decide_ask(struct store_txn *txn, struct brain *brain, struct decide_facts *facts, int64_t now,
               struct decision *decision)
{
    const struct enrolment *enrolment = &facts->enrolment;
    const struct mailbox *mailbox = &facts->mailbox;
    struct decide_input input = {
        .sequence = facts->sequence,
        .zones = brain->zones,
        .holidays = facts->holidays,
        .now = now,
        .campaign = campaign_word(facts->campaign.status),
        .person = facts->person.address,
        .person_zone = enrolment->zone,
        .step = enrolment->step,
        .enrolled = facts->campaign.started_at,
        .previous_sent = enrolment->last_sent_at,
        .uncertain = enrolment->status == ENROLMENT_WAITING,
        .stopped_by_hand = enrolment->status == ENROLMENT_STOPPED,
        .away_until = enrolment->away_until,
        .mailbox = mailbox->address,
        .mailbox_zone = mailbox->zone,
        .mailbox_state = mailbox_word(mailbox->status),
        .held_until = facts->pulse.hold_send,
        .held_why = facts->pulse.hold_why,
        .last_sent = facts->pulse.last_sent_at,
        .first_sent = facts->lane.first_sent_at,
        .jitter = jitter_of(brain, facts),
    };

    input.holidays_count =
        brain_holidays(brain, facts->sequence, facts->holidays, ARRAY_LEN(facts->holidays));
    if (facts->lane.day == brain_day(brain, mailbox->zone, now))
        input.sent_today = (int)facts->lane.sent_today;
    answered_words(facts, &input);
    if (person_suppressed(txn, facts->person.key, &input.suppressed) < 0)
        return -EIO;
    campaign_decide(&input, decision);
    return 0;
}
