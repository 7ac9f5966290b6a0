/*
 * The bench's own sink: it takes every mail, counts it, and throws it away.
 *
 *     sink [-c] [-p] [-k] [-s CERTIFICATE KEY] [-t]
 *
 * It listens on a free port of 127.0.0.1 and prints the number. -c: no CHUNKING. -p: no PIPELINING. -k: check every
 * octet (a sum over the hashes of the mails, dots unstuffed), otherwise only mails and octets are counted.
 * -s: STARTTLS and AUTH, with this certificate; -t: TLS from the first octet. It ends when its standard input does.
 *
 * Two commands of its own, for the bench: XCOUNT answers "250 mails octets hash", XZERO begins to count anew.
 * One process, one thread, epoll; what a client pipelines is answered in one write.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef WITH_TLS
#include <openssl/ssl.h>
#endif

#define ROOM 65536
#define LONGEST_LINE 4096

enum state { COMMAND, DATA, CHUNK, SECRET, CLOSING };

struct line {
    int fd;
    enum state state;
    int last_chunk, at_start, secured, handshaking, secrets;
    uint64_t left;           /* octets of a chunk that are still to come */
    uint64_t mail_octets;    /* of the mail under way, dots unstuffed or not counted at all */
    char *in;
    size_t in_size;
    char *out;
    size_t out_size, out_room;
    char *mail;              /* only with -k */
    size_t mail_size, mail_room;
#ifdef WITH_TLS
    SSL *ssl;
#endif
};

static int chunking = 1, pipelining = 1, checking = 0, starttls = 0, tls_at_once = 0, epoll;
static uint64_t mails, octets, hashes;
#ifdef WITH_TLS
static SSL_CTX *context;
#endif

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void *grown(void *old, size_t size) {
    void *new = realloc(old, size);
    if (!new) die("realloc");
    return new;
}

static void say(struct line *line, const char *text) {
    size_t size = strlen(text);
    if (line->out_size + size > line->out_room)
        line->out = grown(line->out, line->out_room = (line->out_size + size) * 2);
    memcpy(line->out + line->out_size, text, size);
    line->out_size += size;
}

static void take(struct line *line, const char *data, size_t size) {
    line->mail_octets += size;
    if (!checking) return;
    if (line->mail_size + size > line->mail_room)
        line->mail = grown(line->mail, line->mail_room = (line->mail_size + size) * 2);
    memcpy(line->mail + line->mail_size, data, size);
    line->mail_size += size;
}

/* FNV-1a, 64 bits, of a mail with its stuffed dots taken away when it came by DATA. */
static uint64_t hash_of(struct line *line, int stuffed) {
    uint64_t hash = 14695981039346656037u;
    int start = 1;
    for (size_t i = 0; i < line->mail_size; i++) {
        unsigned char octet = (unsigned char)line->mail[i];
        if (stuffed && start && octet == '.') {
            start = 0;
            line->mail_octets--;
            continue;
        }
        start = octet == '\n';
        hash = (hash ^ octet) * 1099511628211u;
    }
    return hash;
}

static void count(struct line *line, int stuffed) {
    if (checking) hashes += hash_of(line, stuffed);
    mails++;
    octets += line->mail_octets;
    line->mail_octets = line->mail_size = 0;
    say(line, "250 2.0.0 ok\r\n");
}

static void introduce(struct line *line) {
    say(line, "250-sink\r\n");
    if (pipelining) say(line, "250-PIPELINING\r\n");
    if (chunking) say(line, "250-CHUNKING\r\n250-BINARYMIME\r\n");
    if (starttls && !line->secured) say(line, "250-STARTTLS\r\n");
    if (starttls || tls_at_once) say(line, "250-AUTH PLAIN LOGIN\r\n");
    say(line, "250-ENHANCEDSTATUSCODES\r\n250 8BITMIME\r\n");
}

static void command(struct line *line, char *text, size_t size) {
    char answer[80];
    text[size] = 0;
    if (!strncasecmp(text, "MAIL", 4)) say(line, "250 2.1.0 ok\r\n");
    else if (!strncasecmp(text, "RCPT", 4)) say(line, "250 2.1.5 ok\r\n");
    else if (!strncasecmp(text, "DATA", 4)) {
        say(line, "354 go on\r\n");
        line->state = DATA;
        line->at_start = 1;
    } else if (chunking && !strncasecmp(text, "BDAT ", 5)) {
        char *end;
        line->left = strtoull(text + 5, &end, 10);
        line->last_chunk = !strcasecmp(end, " LAST");
        line->state = CHUNK;
    } else if (!strncasecmp(text, "EHLO", 4)) introduce(line);
    else if (!strncasecmp(text, "HELO", 4)) say(line, "250 sink\r\n");
    else if (!strncasecmp(text, "RSET", 4) || !strncasecmp(text, "NOOP", 4)) say(line, "250 2.0.0 ok\r\n");
    else if (!strncasecmp(text, "QUIT", 4)) {
        say(line, "221 2.0.0 bye\r\n");
        line->state = CLOSING;
    } else if (!strncasecmp(text, "XCOUNT", 6)) {
        snprintf(answer, sizeof answer, "250 %llu %llu %016llx\r\n", (unsigned long long)mails,
                 (unsigned long long)octets, (unsigned long long)hashes);
        say(line, answer);
    } else if (!strncasecmp(text, "XZERO", 5)) {
        mails = octets = hashes = 0;
        say(line, "250 ok\r\n");
    } else if ((starttls || tls_at_once) && !strncasecmp(text, "AUTH PLAIN", 10) && size > 11) {
        say(line, "235 2.7.0 welcome\r\n");
    } else if ((starttls || tls_at_once) && !strncasecmp(text, "AUTH ", 5)) {
        line->secrets = !strncasecmp(text, "AUTH LOGIN", 10) && size <= 11 ? 2 : 1;
        say(line, "334 VXNlcm5hbWU6\r\n");
        line->state = SECRET;
    } else if (starttls && !line->secured && !strncasecmp(text, "STARTTLS", 8)) {
        say(line, "220 2.0.0 go ahead\r\n");
        line->handshaking = 1;
    } else say(line, "500 5.5.1 what?\r\n");
}

/* Use up what has arrived; return how many octets of it. What is left over is the beginning of something. */
static size_t digest(struct line *line, char *data, size_t size) {
    size_t at = 0;
    while (at < size && line->state != CLOSING && !line->handshaking) {
        char *from = data + at;
        size_t rest = size - at;
        if (line->state == CHUNK) {
            size_t part = rest < line->left ? rest : (size_t)line->left;
            take(line, from, part);
            at += part;
            line->left -= part;
            if (line->left) continue;
        } else if (line->state == DATA) {
            if (line->at_start && rest >= 3 && !memcmp(from, ".\r\n", 3)) {
                at += 3;
                line->state = COMMAND;
                count(line, 1);
                continue;
            }
            if (line->at_start && rest < 3 && from[0] == '.') break;
            char *end = memmem(from, rest, "\r\n.\r\n", 5);
            if (end) {
                take(line, from, (size_t)(end - from) + 2);
                at += (size_t)(end - from) + 5;
                line->state = COMMAND;
                count(line, 1);
            } else if (rest > 4) {
                take(line, from, rest - 4);
                line->at_start = 0;
                at += rest - 4;
                break;
            } else break;
        } else {
            char *end = memchr(from, '\n', rest);
            if (!end) {
                if (rest > LONGEST_LINE) line->state = CLOSING;
                break;
            }
            size_t length = (size_t)(end - from);
            at += length + 1;
            if (length && from[length - 1] == '\r') length--;
            if (line->state == SECRET) {
                if (--line->secrets) say(line, "334 UGFzc3dvcmQ6\r\n");
                else {
                    say(line, "235 2.7.0 welcome\r\n");
                    line->state = COMMAND;
                }
            } else command(line, from, length);
        }
        if (line->state == CHUNK && !line->left) {
            line->state = COMMAND;
            if (line->last_chunk) count(line, 0);
            else say(line, "250 2.0.0 more\r\n");
        }
    }
    return at;
}

static void watch(struct line *line, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = line};
    epoll_ctl(epoll, EPOLL_CTL_MOD, line->fd, &event);
}

static void hang_up(struct line *line) {
#ifdef WITH_TLS
    if (line->ssl) SSL_free(line->ssl);
#endif
    close(line->fd);
    free(line->in);
    free(line->out);
    free(line->mail);
    free(line);
}

/* -1: the line is dead; 0: not now; otherwise how many octets. */
static ssize_t get(struct line *line, char *room, size_t size) {
    ssize_t got;
#ifdef WITH_TLS
    if (line->ssl) {
        got = SSL_read(line->ssl, room, (int)size);
        if (got > 0) return got;
        int error = SSL_get_error(line->ssl, (int)got);
        return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
    }
#endif
    got = read(line->fd, room, size);
    if (got > 0) return got;
    return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static ssize_t put(struct line *line) {
    ssize_t sent;
#ifdef WITH_TLS
    if (line->ssl && line->secured) {
        sent = SSL_write(line->ssl, line->out, (int)line->out_size);
        if (sent > 0) return sent;
        int error = SSL_get_error(line->ssl, (int)sent);
        return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
    }
#endif
    sent = write(line->fd, line->out, line->out_size);
    return sent >= 0 ? sent : errno == EAGAIN || errno == EINTR ? 0 : -1;
}

/* Send what is to be said; 0 when the line is dead or done with. */
static int flush(struct line *line) {
    while (line->out_size) {
        ssize_t sent = put(line);
        if (sent < 0) return 0;
        if (!sent) {
            watch(line, EPOLLOUT);
            return 1;
        }
        memmove(line->out, line->out + sent, line->out_size - (size_t)sent);
        if (!(line->out_size -= (size_t)sent)) watch(line, EPOLLIN);
    }
    return line->state != CLOSING;
}

static int shake_hands(struct line *line) {
#ifdef WITH_TLS
    if (!line->ssl) {
        line->ssl = SSL_new(context);
        SSL_set_fd(line->ssl, line->fd);
        line->in_size = 0;
    }
    int done = SSL_accept(line->ssl);
    if (done <= 0) {
        int error = SSL_get_error(line->ssl, done);
        return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
    }
    line->handshaking = 0;
    line->secured = 1;
    if (tls_at_once) say(line, "220 sink ESMTP\r\n");
    return flush(line);
#else
    (void)line;
    return 0;
#endif
}

/* 0 when the line is done with. */
static int serve(struct line *line, uint32_t events) {
    if (events & EPOLLOUT) {
        if (!flush(line)) return 0;
        if (line->out_size) return 1;
    }
    if (line->handshaking && !line->out_size) {
        if (!shake_hands(line)) return 0;
        if (line->handshaking) return 1;
    }
    for (;;) {
        if (!line->in) line->in = grown(NULL, ROOM + 1);
        size_t room = ROOM - line->in_size;
        ssize_t got = get(line, line->in + line->in_size, room);
        if (got < 0) return 0;
        if (!got) return 1;
        line->in_size += (size_t)got;
        size_t used = digest(line, line->in, line->in_size);
        line->in_size -= used;
        if (line->in_size && used) memmove(line->in, line->in + used, line->in_size);
        if (!flush(line)) return 0;
        if (line->out_size) return 1;
        if (line->handshaking) return shake_hands(line);
        if (!line->secured && (size_t)got < room) return 1;
    }
}

static void welcome(int listener) {
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
        if (fd < 0) return;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct line *line = calloc(1, sizeof *line);
        if (!line) die("calloc");
        line->fd = fd;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = line};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)) die("epoll_ctl");
        if (tls_at_once) line->handshaking = 1;
        else say(line, "220 sink ESMTP\r\n");
        if (!flush(line)) hang_up(line);
    }
}

static void prepare_tls(const char *certificate, const char *key) {
#ifdef WITH_TLS
    context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_id_context(context, (const unsigned char *)"sink", 4);
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
        fprintf(stderr, "sink: cannot use %s and %s\n", certificate, key);
        exit(1);
    }
#else
    (void)key;
    fprintf(stderr, "sink: built without TLS, cannot use %s\n", certificate);
    exit(1);
#endif
}

int main(int arguments, char **argument) {
    for (int i = 1; i < arguments; i++) {
        if (!strcmp(argument[i], "-c")) chunking = 0;
        else if (!strcmp(argument[i], "-p")) pipelining = 0;
        else if (!strcmp(argument[i], "-k")) checking = 1;
        else if (!strcmp(argument[i], "-t")) tls_at_once = 1;
        else if (!strcmp(argument[i], "-s") && i + 2 < arguments) {
            starttls = 1;
            prepare_tls(argument[i + 1], argument[i + 2]);
            i += 2;
        } else {
            fprintf(stderr, "sink: what is %s?\n", argument[i]);
            return 2;
        }
    }
    if (tls_at_once) starttls = 0;
    signal(SIGPIPE, SIG_IGN);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 4096) ||
        getsockname(listener, (struct sockaddr *)&here, &size))
        die("listen");
    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event)) die("epoll_ctl");
    struct line parent = {.fd = 0};
    event.data.ptr = &parent;
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &event)) die("standard input is to be a pipe");
    printf("%d\n", ntohs(here.sin_port));
    fflush(stdout);
    for (;;) {
        struct epoll_event events[64];
        int ready = epoll_wait(epoll, events, 64, -1);
        if (ready < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < ready; i++) {
            struct line *line = events[i].data.ptr;
            if (line == &parent) return 0;
            if (!line) welcome(listener);
            else if (!serve(line, events[i].events)) hang_up(line);
        }
    }
}
