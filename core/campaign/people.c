/* campaign/people.c: finds the columns, then takes a person out of each row. */
#include "campaign/people.h"

#include "base/mem.h"
#include "base/text.h"
#include "campaign/zones.h"
#include "mail/address.h"

#include <errno.h>
#include <string.h>

static const char *const email_names[] = {
    "email",          "e_mail",        "mail",           "email_address", "e_mail_address",
    "emailaddress",   "mailaddress",   "mail_address",   "work_email",    "email_1",
    "e_mail_1_value", "primary_email", "e_mail_adresse", "email_adresse", NULL,
};
static const char *const zone_names[] = {"zone", "tz", "timezone", "time_zone", "zeitzone", NULL};

/* The column that has the first of these names that any has; count: none has. */
static size_t find_column(const struct people_columns *columns, const char *const *wanted)
{
    for (size_t i = 0; wanted[i]; i++)
        for (size_t j = 0; j < columns->count; j++)
            if (strcmp(columns->names[j], wanted[i]) == 0)
                return j;
    return columns->count;
}

static void say_no_email(const struct people_columns *columns, const char *file, size_t line,
                         struct mistakes *mistakes)
{
    static const char *const wanted[] = {"email", "e_mail", "mail", "email_address", NULL};
    auto_buf struct buf right = {0};

    for (size_t i = 0; i < columns->count; i++)
        if (check_nearest(columns->names[i], wanted)) {
            buf_printf(&right, "did you mean \"email\" where it says \"%s\"?", columns->names[i]);
            break;
        }
    if (!right.len)
        buf_add_str(&right, "name the column of addresses \"email\" in the first row");
    mistakes_add(mistakes, file, (int)line, "", buf_text(&right), "there is no column \"email\"");
}

static void check_names(const struct people_columns *columns, const char *file, size_t line,
                        struct mistakes *mistakes)
{
    for (size_t i = 0; i < columns->count; i++)
        for (size_t j = 0; *columns->names[i] && j < i; j++)
            if (strcmp(columns->names[i], columns->names[j]) == 0) {
                mistakes_add(mistakes, file, (int)line, columns->names[i],
                             "give one of them another name",
                             "the columns %zu and %zu have the same name", j + 1, i + 1);
                break;
            }
}

int people_columns_init(struct people_columns *columns, const char *file,
                        const struct csv_row *header, struct mistakes *mistakes)
{
    struct people_columns found = {.count = header->count};
    size_t before = mistakes->count;

    found.names = mem_array(header->count + 1, sizeof(*found.names));
    for (size_t i = 0; i < header->count; i++)
        found.names[i] = csv_header_name(header->cells[i]);
    found.email = find_column(&found, email_names);
    found.zone = find_column(&found, zone_names);
    if (found.email == found.count)
        say_no_email(&found, file, header->line, mistakes);
    check_names(&found, file, header->line, mistakes);
    if (mistakes->count == before)
        mem_str_set(&found.names[found.email], "email"); /* as templates call it */
    if (mistakes->count > before) {
        people_columns_finish(&found);
        return -EINVAL;
    }
    *columns = found;
    return 0;
}

void people_columns_finish(struct people_columns *columns)
{
    mem_strv_free(columns->names);
    *columns = (struct people_columns){0};
}

/* "mailto:ana@acme.example", "<ana@acme.example>", "Ana <ana@acme.example>": what is meant. */
static char *bare_address(const char *cell)
{
    const char *open = strrchr(cell, '<'), *close = open ? strchr(open, '>') : NULL;

    if (open && close && !close[1])
        return mem_strn(open + 1, (size_t)(close - open - 1));
    if (text_starts_fold(cell, "mailto:"))
        return mem_str(cell + strlen("mailto:"));
    return mem_str(cell);
}

static int check_row(const struct people_columns *columns, const struct csv_row *row,
                     const char *address, const char *zone, struct buf *error)
{
    const char *fault = *address ? mail_address_fault(address) : NULL;

    for (size_t i = columns->count; i < row->count; i++)
        if (*row->cells[i]) {
            buf_printf(error,
                       "the row has %zu cells and the first row %zu: put a text with a delimiter "
                       "in it in quotes",
                       row->count, columns->count);
            return -EINVAL;
        }
    if (!*address) {
        buf_add_str(error, "the address is missing");
        return -EINVAL;
    }
    if (fault) {
        buf_printf(error, "\"%.100s\" is no address: %s", address, fault);
        return -EINVAL;
    }
    if (zone && !zone_name_valid(zone)) {
        buf_printf(error, "\"%.64s\" is no time zone: write an IANA name such as Europe/Berlin",
                   zone);
        return -EINVAL;
    }
    return 0;
}

int people_row_read(const struct people_columns *columns, const struct csv_row *row,
                    struct people_row *person_r, struct buf *error)
{
    auto_free char *address =
        columns->email < row->count ? bare_address(row->cells[columns->email]) : mem_str("");
    const char *zone =
        columns->zone < row->count && *row->cells[columns->zone] ? row->cells[columns->zone] : NULL;
    struct people_row person = {0};
    int r = check_row(columns, row, address, zone, error);

    if (r < 0)
        return r;
    person.fields = mem_array(columns->count + 1, sizeof(*person.fields));
    for (size_t i = 0; i < columns->count && i < row->count; i++)
        if (i != columns->email && *row->cells[i] && *columns->names[i])
            person.fields[person.field_count++] =
                (struct field){mem_str(columns->names[i]), mem_str(row->cells[i])};
    person.address = mem_str(address);
    person.zone = mem_str(zone);
    *person_r = person;
    return 0;
}

void people_row_finish(struct people_row *person)
{
    for (size_t i = 0; i < person->field_count; i++) {
        free(person->fields[i].name);
        free(person->fields[i].value);
    }
    free(person->fields);
    free(person->address);
    free(person->zone);
    *person = (struct people_row){0};
}
