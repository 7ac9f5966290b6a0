/*
 * What C can do on the same wire, without a library and without a check: the yardstick, not a peer.
 *
 *     client PORT COUNT FOLDER
 *
 * PIPELINING: body, dot and the next mail's MAIL, RCPT and DATA in one write, four replies in one read (RFC 2920).
 * Prints the seconds between the first mail and the last answer.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NEXT "MAIL FROM:<bench@example.org>\r\nRCPT TO:<someone@example.org>\r\nDATA\r\n"

static int line;
static char heard[65536];
static size_t held;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void say(const char *data, size_t size) {
    while (size) {
        ssize_t sent = write(line, data, size);
        if (sent <= 0) die("write");
        data += sent;
        size -= (size_t)sent;
    }
}

/* Hear that many replies; each has to begin with 2 or 3. */
static void hear(int replies) {
    while (replies) {
        char *end = memchr(heard, '\n', held);
        if (!end) {
            ssize_t got = read(line, heard + held, sizeof heard - held);
            if (got <= 0) die("read");
            held += (size_t)got;
            continue;
        }
        if (heard[0] != '2' && heard[0] != '3') die("refused");
        if (heard[3] != '-') replies--;
        size_t size = (size_t)(end - heard) + 1;
        memmove(heard, heard + size, held -= size);
    }
}

int main(int arguments, char **argument) {
    if (arguments != 4) return 2;
    int count = atoi(argument[2]), on = 1;
    char path[4096], mail[8192], out[16384], number[16];
    snprintf(path, sizeof path, "%s/ready.eml", argument[3]);
    FILE *file = fopen(path, "rb");
    if (!file) die(path);
    size_t size = fread(mail, 1, sizeof mail, file);
    char *first = memmem(mail, size, "000000", 6), *second = first ? memmem(first + 6, size - (size_t)(first + 6 - mail), "000000", 6) : NULL;
    if (!second) die("no number in the mail");
    line = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((unsigned short)atoi(argument[1]))};
    if (connect(line, (struct sockaddr *)&there, sizeof there)) die("connect");
    setsockopt(line, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    hear(1);
    say("EHLO bench\r\n", 12);
    hear(1);
    struct timespec begun, ended;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    say(NEXT, strlen(NEXT));
    hear(3);
    for (int n = 0; n < count; n++) {
        snprintf(number, sizeof number, "%06d", n % 1000);
        memcpy(first, number, 6);
        memcpy(second, number, 6);
        memcpy(out, mail, size);
        memcpy(out + size, ".\r\n", 3);
        int more = n + 1 < count;
        if (more) memcpy(out + size + 3, NEXT, strlen(NEXT));
        say(out, size + 3 + (more ? strlen(NEXT) : 0));
        hear(more ? 4 : 1);
    }
    clock_gettime(CLOCK_MONOTONIC, &ended);
    say("QUIT\r\n", 6);
    printf("ok seconds=%f sent=%d\n", (double)(ended.tv_sec - begun.tv_sec) + (double)(ended.tv_nsec - begun.tv_nsec) / 1e9, count);
    return 0;
}
