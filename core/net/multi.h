/* net/multi.h: libcurl's multi interface on the loop, for http and stream. Only for core/net/. */
#ifndef NET_MULTI_H
#define NET_MULTI_H
#include "net/loop.h"

#include <curl/curl.h>

struct multi {
    struct loop *loop;
    CURLM *curl;
    struct loop_timer *timer; /* libcurl's */
    void (*ended)(CURL *easy, CURLcode code);
};

/* ended: an easy handle has come to its end; it may be taken out, and others added. false: libcurl
 * could not start. */
bool multi_init(struct multi *multi, struct loop *loop, void (*ended)(CURL *easy, CURLcode code));
/* Its easy handles must have been taken out. Also after multi_init failed, or a zeroed one. */
void multi_finish(struct multi *multi);
#endif
