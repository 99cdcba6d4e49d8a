/* sandbox/google_drafts.h: what others must know of drafts. */
#ifndef SANDBOX_GOOGLE_DRAFTS_H
#define SANDBOX_GOOGLE_DRAFTS_H
#include "sandbox/google_mailbox.h"

/* The message is about to be deleted: if it is a draft's, so is the draft. */
void google_draft_forget(struct google_message *message);
#endif
