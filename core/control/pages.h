/* control/pages.h: what people's browsers can reach, and what tests want to see written. */
#ifndef CONTROL_PAGES_H
#define CONTROL_PAGES_H
struct exchange;
struct mailbox_page;

void connect_show(struct exchange *exchange);
void connect_go(struct exchange *exchange);
void connect_callback(struct exchange *exchange);
/* The page for how it went. */
void connect_write(struct exchange *exchange, const struct mailbox_page *page);
void connect_admin(struct exchange *exchange);
void push_notice(struct exchange *exchange);
void optout_show(struct exchange *exchange);
void optout_act(struct exchange *exchange);
#endif
