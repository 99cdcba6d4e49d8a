/* campaign/people.h: a row of people's CSV as a person: address, zone, fields.
 *
 * The e-mail column may be called email, e_mail, mail, email_address, ...; the zone's zone, tz,
 * timezone, time_zone. All other columns are fields, by their normalised names. A row that can't be
 * used is an error by itself; duplicates are the store's to find, by mail_address_key. Any thread.
 */
#ifndef CAMPAIGN_PEOPLE_H
#define CAMPAIGN_PEOPLE_H
#include "base/buf.h"
#include "config/check.h"
#include "config/csv.h"
#include "records/records.h"

#include <stddef.h>

struct people_columns {
    char **names; /* NULL-ended, normalised; what sequence_check_columns wants */
    size_t count;
    size_t email, zone; /* zone == count: there is none                              */
};
/* -EINVAL: no e-mail column, or one name twice; the mistakes say what to do. */
int people_columns_init(struct people_columns *columns, const char *file,
                        const struct csv_row *header, struct mistakes *mistakes);
void people_columns_finish(struct people_columns *columns);

struct people_row {
    char *address; /* as written, blanks and mailto: taken off                  */
    char *zone;    /* NULL: none                                                */
    struct field
        *fields; /* what is not empty, by the columns' names; may be taken: zero them then */
    size_t field_count;
};
/* -EINVAL: error gets what is wrong and what would be right (without the line, which the row
 * has); nothing is given then. */
int people_row_read(const struct people_columns *columns, const struct csv_row *row,
                    struct people_row *person_r, struct buf *error);
void people_row_finish(struct people_row *person);
#endif
