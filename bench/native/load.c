/* A load generator that finishes what it has begun, so that answers can be compared with a ledger one by one.
 *
 * usage: load -p PORT -r REQUEST_FILE -c CONNECTIONS (-d SECONDS [-o RATE] | -s STREAMS_EACH -f FRAMES -g PACE_MS)
 *             [-w RAMP_MS] [-l LATE_MS]
 *
 * -d: every connection asks again and again until the time is over, then waits for the answer that is under way.
 * -o: an open loop: so many requests a second fall due evenly, whether or not earlier ones have been answered, and each
 *     is sent on an idle connection, or a new one, or waits when CONNECTIONS are busy. Its latency counts from when it
 *     fell due, so that a gateway that stalls is not spared what it kept waiting. What was never sent is "unsent".
 * -s: every connection asks for that many streams, one after the other, and checks each numbered frame.
 * Prints one JSON object; times in microseconds. Knows nothing of who answers.
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

#define HEAD_BYTES_MAX 16384
#define LINE_BYTES_MAX 16384
#define EVENTS_MAX 512
#define PATIENCE_NS 15000000000LL /* how long after its due end a run waits for answers under way */
#define BROKEN_MAX 1000           /* more broken answers than this, and the run is worth nothing */

enum part { PART_HEAD, PART_LENGTH, PART_CHUNK_SIZE, PART_CHUNK, PART_CHUNK_END, PART_TRAILER, PART_WHOLE };

struct connection {
    int fd, status, streams_left;
    int heard;  /* a byte of the answer has come */
    int reused; /* the connection has carried an answer before */
    enum part part;
    size_t sent;
    char head[HEAD_BYTES_MAX], line[LINE_BYTES_MAX];
    size_t head_len, line_len;
    long long body_left;
    int64_t asked_ns, first_stamp_ns, last_frame_ns;
    int frames, done;
};

struct samples {
    int64_t *values;
    size_t count, size;
};

static struct connection *connections;
static char *request;
static size_t request_len;
static int epoll_fd, port, count = 1, streams_each, frames_each = 64, running;
static int *idle, idle_count, opened, timer_fd = -1; /* of the open loop: connections that wait for a request */
static double rate;
static long due_total, due_next;
static int64_t begin_ns;
static int64_t deadline_ns, late_ns = 200000000, pace_ns = 20000000;
static struct samples latency, first, delay, pace_error, gap;
static long answers, refused, broken, reconnects, frames_seen, frames_lost, frames_late, streams_whole, error_events;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void sample(struct samples *s, int64_t value) {
    if (s->count == s->size) {
        s->size = s->size ? s->size * 2 : 65536;
        s->values = realloc(s->values, s->size * sizeof *s->values);
        if (!s->values) fail("realloc");
    }
    s->values[s->count++] = value;
}

static void watch(struct connection *c, int operation, uint32_t events) {
    struct epoll_event e = {.events = events, .data.ptr = c};
    if (epoll_ctl(epoll_fd, operation, c->fd, &e) < 0) fail("epoll_ctl");
}

static void send_request(struct connection *c) {
    ssize_t sent = send(c->fd, request + c->sent, request_len - c->sent, MSG_NOSIGNAL);
    size_t before = c->sent;
    if (sent > 0) c->sent += (size_t)sent;
    if (c->sent < request_len) watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    else if (before > 0) watch(c, EPOLL_CTL_MOD, EPOLLIN);
}

static void ask_since(struct connection *c, int64_t since_ns) {
    c->part = PART_HEAD;
    c->sent = c->head_len = c->line_len = 0;
    c->status = c->frames = c->done = c->heard = 0;
    c->first_stamp_ns = 0;
    c->asked_ns = since_ns;
    send_request(c);
}

static void ask(struct connection *c) { ask_since(c, now_ns()); }

static void connect_one(struct connection *c) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->reused = 0;
    watch(c, EPOLL_CTL_ADD, EPOLLIN);
}

static void finish(struct connection *c) {
    close(c->fd);
    c->fd = -1;
    running--;
}

/* More to ask on this connection? */
static int goes_on(struct connection *c) {
    return streams_each ? c->streams_left > 0 : now_ns() < deadline_ns;
}

static int64_t due_ns(long number) { return begin_ns + (int64_t)((double)number * 1e9 / rate); }

/* Open loop: send what is due, oldest first, as long as a connection is idle or may be opened; then wait for the next. */
static void send_due(void) {
    int64_t now = now_ns();
    while (due_next < due_total && due_ns(due_next) <= now && now < deadline_ns) {
        struct connection *c;
        if (idle_count) c = &connections[idle[--idle_count]];
        else if (opened < count) {
            c = &connections[opened++];
            c->fd = -1;
        } else break;
        running++;
        if (c->fd < 0) connect_one(c);
        ask_since(c, due_ns(due_next++));
    }
    if (due_next >= due_total || now >= deadline_ns) return;
    int64_t at = due_ns(due_next) > now ? due_ns(due_next) : now + 50000;
    struct itimerspec when = {.it_value = {.tv_sec = at / 1000000000, .tv_nsec = at % 1000000000}};
    timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void rest(struct connection *c) {
    idle[idle_count++] = (int)(c - connections);
    running--;
}

static void next_or_finish(struct connection *c) {
    if (rate > 0) {
        rest(c);
        send_due();
    } else if (goes_on(c)) ask(c);
    else finish(c);
}

static void on_whole(struct connection *c, int64_t now) {
    c->reused = 1;
    c->streams_left--;
    sample(&latency, now - c->asked_ns);
    if (c->status == 200) {
        answers++;
        frames_lost += streams_each ? frames_each - c->frames : 0;
        streams_whole += c->frames == frames_each && c->done;
    } else refused++;
    next_or_finish(c);
}

/* A kept connection that ends before the first byte was closed between two answers: asking again is the rule. */
static void on_end(struct connection *c) {
    close(c->fd);
    if (rate > 0) {
        int resting = c->part == PART_WHOLE;
        c->fd = -1;
        if (resting) return;
        if (!c->heard && c->reused) {
            reconnects++;
            connect_one(c);
            ask_since(c, c->asked_ns);
            return;
        }
        broken++;
        c->part = PART_WHOLE;
        rest(c);
        return;
    }
    if (c->heard || !c->reused) {
        broken++;
        c->streams_left--;
        frames_lost += streams_each ? frames_each - c->frames : 0;
    } else reconnects++;
    if (broken > BROKEN_MAX || !goes_on(c)) {
        running--;
        return;
    }
    connect_one(c);
    ask(c);
}

#define PADDING "\"obfuscation\":\"n"

/* A frame's padding is "nNUMBERtNANOSECONDS": which one it is, and when the upstream wrote it. Its text is one token's. */
static void on_line(struct connection *c, int64_t now) {
    c->line[c->line_len] = 0;
    if (strncmp(c->line, "data: ", 6) != 0) return;
    if (strncmp(c->line + 6, "[DONE]", 6) == 0) {
        c->done = 1;
        return;
    }
    if (strstr(c->line, "\"error\"")) error_events++;
    char *mark = strstr(c->line, PADDING), *at = mark ? strchr(mark + sizeof PADDING - 1, 't') : NULL;
    if (!at || atoi(mark + sizeof PADDING - 1) != c->frames) return;
    int64_t stamp = atoll(at + 1), took = now - stamp;
    if (c->frames == 0) {
        c->first_stamp_ns = stamp;
        sample(&first, now - c->asked_ns);
    } else sample(&gap, now - c->last_frame_ns);
    c->last_frame_ns = now;
    sample(&pace_error, stamp - c->first_stamp_ns - c->frames * pace_ns);
    sample(&delay, took);
    if (took > late_ns) frames_late++;
    c->frames++;
    frames_seen++;
}

static void on_body(struct connection *c, const char *bytes, size_t len, int64_t now) {
    if (!streams_each) return;
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\n') {
            on_line(c, now);
            c->line_len = 0;
        } else if (c->line_len < LINE_BYTES_MAX - 1) c->line[c->line_len++] = bytes[i];
    }
}

static void on_head(struct connection *c) {
    char *length = strcasestr(c->head, "\ncontent-length:");
    char *coding = strcasestr(c->head, "\ntransfer-encoding: chunked");
    c->status = atoi(c->head + 9);
    c->body_left = coding || !length ? 0 : atoll(length + 16);
    c->part = coding ? PART_CHUNK_SIZE : c->body_left ? PART_LENGTH : PART_WHOLE;
}

static void on_chunk_size(struct connection *c) {
    c->body_left = strtoll(c->head, NULL, 16);
    c->part = c->body_left ? PART_CHUNK : PART_TRAILER;
}

/* One byte of what is read line by line: the head, chunk sizes, the line after a chunk, trailers. */
static void on_framing(struct connection *c, char byte) {
    if (c->head_len < HEAD_BYTES_MAX - 1) c->head[c->head_len++] = byte;
    c->head[c->head_len] = 0;
    if (byte != '\n') return;
    if (c->part == PART_HEAD) {
        if (c->head_len < 4 || memcmp(c->head + c->head_len - 4, "\r\n\r\n", 4) != 0) return;
        on_head(c);
    } else if (c->part == PART_CHUNK_SIZE) on_chunk_size(c);
    else if (c->part == PART_CHUNK_END) c->part = PART_CHUNK_SIZE;
    else if (c->head_len <= 2) c->part = PART_WHOLE;
    c->head_len = 0;
}

static void on_bytes(struct connection *c, const char *bytes, size_t len, int64_t now) {
    size_t i = 0;
    c->heard = 1;
    while (i < len && c->part != PART_WHOLE) {
        if (c->part != PART_LENGTH && c->part != PART_CHUNK) {
            on_framing(c, bytes[i++]);
            continue;
        }
        size_t take = len - i < (size_t)c->body_left ? len - i : (size_t)c->body_left;
        on_body(c, bytes + i, take, now);
        i += take;
        c->body_left -= (long long)take;
        if (c->body_left == 0) c->part = c->part == PART_CHUNK ? PART_CHUNK_END : PART_WHOLE;
    }
    if (c->part == PART_WHOLE) on_whole(c, now);
}

static void on_event(struct connection *c, uint32_t events) {
    static char buffer[262144];
    if (!c) {
        uint64_t expirations;
        if (read(timer_fd, &expirations, sizeof expirations) > 0) send_due();
        return;
    }
    if (c->fd < 0) return; /* closed by an earlier event of this turn */
    if (c->sent < request_len && events & EPOLLOUT) send_request(c);
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
    ssize_t got = recv(c->fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got > 0) on_bytes(c, buffer, (size_t)got, now_ns());
    else if (got == 0 || errno != EAGAIN) on_end(c);
}

static int ascending(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double percentile(const struct samples *s, double p) {
    if (!s->count) return 0;
    size_t rank = (size_t)(p / 100 * (double)(s->count - 1) + 0.5);
    return (double)s->values[rank] / 1000;
}

static void print_samples(const char *name, struct samples *s) {
    if (s->count) qsort(s->values, s->count, sizeof *s->values, ascending);
    printf(", \"%s_us\": {\"count\": %zu, \"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f, \"max\": %.1f}", name, s->count,
           percentile(s, 50), percentile(s, 99), percentile(s, 99.9), percentile(s, 100));
}

static void read_file(const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) fail(path);
    request = malloc(4 << 20);
    request_len = fread(request, 1, 4 << 20, f);
    fclose(f);
}

static void read_arguments(int argc, char **argv, double *seconds, int64_t *ramp_ns) {
    int option;
    while ((option = getopt(argc, argv, "p:r:c:d:o:s:f:g:w:l:")) != -1) {
        switch (option) {
        case 'p': port = atoi(optarg); break;
        case 'r': read_file(optarg); break;
        case 'c': count = atoi(optarg); break;
        case 'd': *seconds = atof(optarg); break;
        case 'o': rate = atof(optarg); break;
        case 's': streams_each = atoi(optarg); break;
        case 'f': frames_each = atoi(optarg); break;
        case 'g': pace_ns = atoll(optarg) * 1000000; break;
        case 'w': *ramp_ns = atoll(optarg) * 1000000; break;
        case 'l': late_ns = atoll(optarg) * 1000000; break;
        default: exit(2);
        }
    }
    if (!port || !request || count < 1) {
        fprintf(stderr, "load: -p, -r and -c are needed\n");
        exit(2);
    }
}

/* Start the connections evenly over the ramp, so that streams do not beat in one time. */
static void run(int64_t start_ns, int64_t ramp_ns, int64_t give_up_ns) {
    struct epoll_event events[EVENTS_MAX];
    int started = 0;
    while ((running || started < count) && now_ns() < give_up_ns) {
        while (started < count && now_ns() >= start_ns + ramp_ns * started / count) {
            struct connection *c = &connections[started++];
            c->streams_left = streams_each;
            running++;
            connect_one(c);
            ask(c);
        }
        int n = epoll_wait(epoll_fd, events, EVENTS_MAX, started < count ? 1 : 100);
        if (n < 0 && errno != EINTR) fail("epoll_wait");
        for (int i = 0; i < n; i++) on_event(events[i].data.ptr, events[i].events);
    }
}

static void run_open(double seconds, int64_t give_up_ns) {
    struct epoll_event events[EVENTS_MAX], tick = {.events = EPOLLIN, .data.ptr = NULL};
    idle = calloc((size_t)count, sizeof *idle);
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer_fd, &tick) < 0) fail("epoll_ctl");
    due_total = (long)(rate * seconds);
    send_due();
    while (running || (due_next < due_total && now_ns() < deadline_ns)) {
        if (now_ns() > give_up_ns || broken > BROKEN_MAX) break;
        int n = epoll_wait(epoll_fd, events, EVENTS_MAX, 100);
        if (n < 0 && errno != EINTR) fail("epoll_wait");
        for (int i = 0; i < n; i++) on_event(events[i].data.ptr, events[i].events);
    }
}

int main(int argc, char **argv) {
    double seconds = 1;
    int64_t ramp_ns = 0;
    read_arguments(argc, argv, &seconds, &ramp_ns);
    connections = calloc((size_t)count, sizeof *connections);
    epoll_fd = epoll_create1(0);
    int64_t start_ns = begin_ns = now_ns();
    if (streams_each) seconds = (double)streams_each * (frames_each + 1) * (double)pace_ns / 1e9;
    deadline_ns = start_ns + ramp_ns + (int64_t)(seconds * 1e9);
    if (rate > 0) run_open(seconds, deadline_ns + PATIENCE_NS);
    else run(start_ns, ramp_ns, deadline_ns + PATIENCE_NS);
    printf("{\"answers\": %ld, \"refused\": %ld, \"broken\": %ld, \"unfinished\": %d, \"reconnects\": %ld", answers,
           refused, broken, running, reconnects);
    printf(", \"seconds\": %.6f, \"streams_whole\": %ld, \"frames\": %ld, \"frames_lost\": %ld, \"frames_late\": %ld",
           (double)(now_ns() - start_ns) / 1e9, streams_whole, frames_seen, frames_lost, frames_late);
    printf(", \"error_events\": %ld, \"unsent\": %ld", error_events, due_total - due_next);
    print_samples("latency", &latency);
    print_samples("first", &first);
    print_samples("delay", &delay);
    print_samples("pace_error", &pace_error);
    print_samples("gap", &gap);
    printf("}\n");
    return 0;
}
