/* A provider made of one thread: answers every POST with a stream of SSE frames at a fixed pace.
 *
 * usage: upstream PORT FRAMES PACE_MS THINK_MS
 *
 * It thinks for a while before it sends anything, its head included; with 0 it answers at once.
 * Each frame carries its number and the monotonic time at which it was written, so that the client can say how long
 * every single frame was under way. The usage frame is sent only when the request asks for it (`include_usage`), as
 * providers do. Knows nothing of what stands between it and the client.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define FD_MAX 65536
#define REQUEST_BYTES_MAX (2 << 20) /* a 1 MB body and its head */
#define EVENTS_MAX 512

struct connection {
    int fd;
    int next_frame; /* -1 while no stream runs, 0 while it thinks about one */
    int asked_usage;
    int64_t due_ns;
    struct connection *next; /* in a queue of due times */
    char *request;
    size_t request_len, request_size;
    char *unsent; /* what the socket did not take, in order */
    size_t unsent_len, unsent_size;
    int queued, closed;
};

/* All streams have one pace, and think for one time: a plain queue of each stays in order of due times. */
struct queue {
    struct connection *head, *tail;
};

static struct connection *connections[FD_MAX];
static struct queue thinking, streaming;
static int epoll_fd, timer_fd, frames_each;
static int64_t pace_ns, think_ns;

static const char HEAD[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n"
    "Transfer-Encoding: chunked\r\n\r\n";
#define OPENING                                                                                                      \
    "data: {\"id\":\"chatcmpl-bench000000000000000000000\",\"object\":\"chat.completion.chunk\","                    \
    "\"created\":1760000000,\"model\":\"bench-1\",\"system_fingerprint\":\"fp_bench\","
static const char ROLE[] =
    OPENING "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,"
            "\"finish_reason\":null}]}\n\n";
static const char FRAME[] =
    OPENING "\"choices\":[{\"index\":0,\"delta\":{\"content\":\" books\"},\"logprobs\":null,"
            "\"finish_reason\":null}],\"obfuscation\":\"n%03dt%019lld\"}\n\n";
static const char FINISH[] =
    OPENING "\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}]}\n\n";
static const char USAGE[] =
    OPENING "\"choices\":[],\"usage\":{\"prompt_tokens\":199,\"completion_tokens\":%d,\"total_tokens\":%d,"
            "\"prompt_tokens_details\":{\"cached_tokens\":0}}}\n\n";
static const char DONE[] = "data: [DONE]\n\n";

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Append one HTTP chunk that holds one SSE frame; returns the new end. */
static size_t put_chunk(char *out, size_t at, const char *frame, size_t len) {
    at += (size_t)sprintf(out + at, "%zx\r\n", len);
    memcpy(out + at, frame, len);
    memcpy(out + at + len, "\r\n", 2);
    return at + len + 2;
}

static void watch(struct connection *c, uint32_t events) {
    struct epoll_event e = {.events = events, .data.fd = c->fd};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &e) < 0) fail("epoll_ctl");
}

/* The queue may still point at a closed connection: it is freed when it comes up there. */
static void close_connection(struct connection *c) {
    connections[c->fd] = NULL;
    close(c->fd);
    c->closed = 1;
    free(c->request);
    free(c->unsent);
    c->request = c->unsent = NULL;
    if (!c->queued) free(c);
}

/* Send now what the socket takes and keep the rest; returns 0 when the connection is gone (and closed). */
static int send_bytes(struct connection *c, const char *bytes, size_t len) {
    ssize_t sent = 0;
    if (c->unsent_len == 0) {
        sent = send(c->fd, bytes, len, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            close_connection(c);
            return 0;
        }
        if (sent < 0) sent = 0;
        if ((size_t)sent == len) return 1;
        watch(c, EPOLLIN | EPOLLOUT);
    }
    size_t rest = len - (size_t)sent;
    if (c->unsent_len + rest > c->unsent_size) {
        c->unsent_size = (c->unsent_len + rest) * 2;
        c->unsent = realloc(c->unsent, c->unsent_size);
    }
    memcpy(c->unsent + c->unsent_len, bytes + sent, rest);
    c->unsent_len += rest;
    return 1;
}

static void send_unsent(struct connection *c) {
    ssize_t sent = send(c->fd, c->unsent, c->unsent_len, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN) close_connection(c);
        return;
    }
    c->unsent_len -= (size_t)sent;
    memmove(c->unsent, c->unsent + sent, c->unsent_len);
    if (c->unsent_len == 0) watch(c, EPOLLIN);
}

static void arm_timer(void) {
    struct itimerspec when = {0};
    struct connection *first = streaming.head;
    if (thinking.head && (!first || thinking.head->due_ns < first->due_ns)) first = thinking.head;
    if (first) {
        when.it_value.tv_sec = first->due_ns / 1000000000;
        when.it_value.tv_nsec = first->due_ns % 1000000000;
    }
    timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void enqueue(struct queue *q, struct connection *c) {
    c->next = NULL;
    c->queued = 1;
    if (q->tail) q->tail->next = c;
    else q->head = c;
    q->tail = c;
}

/* Returns the first that is due, out of its queue; NULL when none is. Forgets those that have hung up. */
static struct connection *dequeue_due(struct queue *q) {
    while (q->head && (q->head->closed || q->head->due_ns <= now_ns())) {
        struct connection *c = q->head;
        q->head = c->next;
        if (!q->head) q->tail = NULL;
        c->queued = 0;
        if (!c->closed) return c;
        free(c);
    }
    return NULL;
}

static int send_frame(struct connection *c, char *out, size_t at) {
    char frame[512];
    int len = snprintf(frame, sizeof frame, FRAME, c->next_frame, (long long)now_ns());
    c->next_frame++;
    at = put_chunk(out, at, frame, (size_t)len);
    return send_bytes(c, out, at);
}

static int send_end(struct connection *c) {
    char out[2048], frame[512];
    size_t at = put_chunk(out, 0, FINISH, sizeof FINISH - 1);
    if (c->asked_usage) {
        int len = snprintf(frame, sizeof frame, USAGE, frames_each, 199 + frames_each);
        at = put_chunk(out, at, frame, (size_t)len);
    }
    at = put_chunk(out, at, DONE, sizeof DONE - 1);
    memcpy(out + at, "0\r\n\r\n", 5);
    c->next_frame = -1;
    return send_bytes(c, out, at + 5);
}

static void begin_stream(struct connection *c) {
    char out[2048];
    memcpy(out, HEAD, sizeof HEAD - 1);
    size_t at = put_chunk(out, sizeof HEAD - 1, ROLE, sizeof ROLE - 1);
    c->due_ns = now_ns() + pace_ns;
    if (!send_frame(c, out, at)) return;
    enqueue(&streaming, c);
    if (streaming.head == c) arm_timer();
}

static void begin_answer(struct connection *c) {
    c->next_frame = 0;
    if (!think_ns) {
        begin_stream(c);
        return;
    }
    c->due_ns = now_ns() + think_ns;
    enqueue(&thinking, c);
    if (thinking.head == c) arm_timer();
}

static void send_due(void) {
    struct connection *c;
    uint64_t expirations;
    char out[1024];
    if (read(timer_fd, &expirations, sizeof expirations) < 0 && errno != EAGAIN) fail("timer");
    while ((c = dequeue_due(&thinking))) begin_stream(c);
    while ((c = dequeue_due(&streaming))) {
        c->due_ns += pace_ns;
        if (c->next_frame == frames_each) send_end(c);
        else if (send_frame(c, out, 0)) enqueue(&streaming, c);
    }
    arm_timer();
}

/* Returns the length of the first whole request in the buffer, 0 when it is not whole yet. */
static size_t whole_request(struct connection *c) {
    char *end = memmem(c->request, c->request_len, "\r\n\r\n", 4);
    if (!end) return 0;
    size_t head_len = (size_t)(end - c->request) + 4, body_len = 0;
    for (char *line = c->request; line < end; line++) {
        if (strncasecmp(line, "\ncontent-length:", 16) == 0) {
            body_len = strtoul(line + 16, NULL, 10);
            break;
        }
    }
    return c->request_len >= head_len + body_len ? head_len + body_len : 0;
}

static void read_request(struct connection *c) {
    if (c->request_len + 65536 > c->request_size) {
        c->request_size = c->request_len + 65536;
        c->request = realloc(c->request, c->request_size);
    }
    ssize_t got = recv(c->fd, c->request + c->request_len, 65536, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0 || c->request_len + (size_t)got > REQUEST_BYTES_MAX) {
        close_connection(c);
        return;
    }
    c->request_len += (size_t)got;
    size_t len = whole_request(c);
    if (len == 0 || c->next_frame >= 0) return;
    c->asked_usage = memmem(c->request, len, "\"include_usage\"", 15) != NULL;
    c->request_len -= len;
    memmove(c->request, c->request + len, c->request_len);
    begin_answer(c);
}

static void accept_all(int listener) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= FD_MAX) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct connection *c = calloc(1, sizeof *c);
        c->fd = fd;
        c->next_frame = -1;
        connections[fd] = c;
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0) fail("epoll_ctl");
    }
}

static int listen_on(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) fail("bind");
    if (listen(fd, 4096) < 0) fail("listen");
    return fd;
}

static void handle(struct connection *c, uint32_t events) {
    int fd = c->fd;
    if (events & EPOLLOUT) send_unsent(c);
    if (connections[fd] == c && events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_request(c);
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: upstream PORT FRAMES PACE_MS THINK_MS\n");
        return 2;
    }
    int listener = listen_on(atoi(argv[1]));
    frames_each = atoi(argv[2]);
    pace_ns = atoll(argv[3]) * 1000000;
    think_ns = atoll(argv[4]) * 1000000;
    epoll_fd = epoll_create1(0);
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &e);
    e.data.fd = timer_fd;
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer_fd, &e);
    struct epoll_event events[EVENTS_MAX];
    for (;;) {
        int n = epoll_wait(epoll_fd, events, EVENTS_MAX, -1);
        if (n < 0 && errno != EINTR) fail("epoll_wait");
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) accept_all(listener);
            else if (fd == timer_fd) send_due();
            else if (connections[fd]) handle(connections[fd], events[i].events);
        }
    }
}
