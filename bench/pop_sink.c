/*
 * The bench's own POP3 server: so many letters, alike but for their number, for whoever logs in.
 *
 *     pop_sink LETTER COUNT
 *
 * LETTER is a file whose first "000000" is the number of each letter. It listens on a free port of 127.0.0.1 and prints
 * the number; it ends when its standard input does. Nothing is ever deleted. One visitor after the other; what a client
 * pipelines is answered together, 64 kB at a time.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOM 65536

static char letter[ROOM];
static size_t letter_size, place;
static int count;

static char out[2 * ROOM + 1024];
static size_t out_size;
static jmp_buf gone;             /* where we are when a visitor has left */

/* Wait until this can be read; end when standard input does. */
static void await(int descriptor) {
    struct pollfd both[] = {{descriptor, POLLIN, 0}, {0, POLLIN, 0}};
    char nothing[64];
    do {
        if (poll(both, 2, -1) < 0) exit(70);
        if (both[1].revents && read(0, nothing, sizeof nothing) <= 0) exit(0);
    } while (!both[0].revents);
}

static void flush(int line) {
    size_t sent = 0;
    while (sent < out_size) {
        ssize_t more = send(line, out + sent, out_size - sent, MSG_NOSIGNAL);
        if (more <= 0) longjmp(gone, 1);
        sent += (size_t)more;
    }
    out_size = 0;
}

static void say(int line, const char *format, ...) {
    va_list rest;
    va_start(rest, format);
    out_size += (size_t)vsnprintf(out + out_size, sizeof out - out_size, format, rest);
    va_end(rest);
    if (out_size > ROOM) flush(line);
}

static void hand_over(int line, int number, size_t size) {
    char digits[8];
    say(line, "+OK %zu octets\r\n", letter_size);
    snprintf(digits, sizeof digits, "%06d", number % 1000000);
    memcpy(out + out_size, letter, size);
    if (place + 6 <= size) memcpy(out + out_size + place, digits, 6);
    out_size += size;
    say(line, ".\r\n");
}

static int is(const char *command, const char *verb) { return !strncasecmp(command, verb, strlen(verb)); }

static void obey(int line, const char *command) {
    int number = 0;
    if (is(command, "RETR ")) {
        number = atoi(command + 5);
        if (number < 1 || number > count) say(line, "-ERR no such letter\r\n");
        else hand_over(line, number, letter_size);
    } else if (is(command, "TOP ")) {
        char *end = memmem(letter, letter_size, "\r\n\r\n", 4);
        hand_over(line, atoi(command + 4), end ? (size_t)(end - letter) + 4 : letter_size);
    } else if (is(command, "CAPA")) {
        say(line, "+OK\r\nTOP\r\nUIDL\r\nUSER\r\nPIPELINING\r\n.\r\n");
    } else if (is(command, "STAT")) {
        say(line, "+OK %d %zu\r\n", count, count * letter_size);
    } else if (!strcasecmp(command, "LIST") || !strcasecmp(command, "UIDL")) {
        say(line, "+OK\r\n");
        for (number = 1; number <= count; number++) say(line, "%d %zu\r\n", number, letter_size);
        say(line, ".\r\n");
    } else if (is(command, "QUIT")) {
        say(line, "+OK\r\n");
        flush(line);
        longjmp(gone, 1);
    } else {
        say(line, "+OK\r\n");
    }
}

static void serve(int line) {
    static char in[ROOM + 1];
    size_t held = 0;
    int on = 1;
    setsockopt(line, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    say(line, "+OK ready\r\n");
    for (;;) {
        flush(line);
        await(line);
        ssize_t more = recv(line, in + held, ROOM - held, 0);
        if (more <= 0) return;
        held += (size_t)more;
        char *command = in, *end;
        while ((end = memchr(command, '\n', held - (size_t)(command - in)))) {
            end[end > command && end[-1] == '\r' ? -1 : 0] = 0;
            obey(line, command);
            command = end + 1;
        }
        held -= (size_t)(command - in);
        memmove(in, command, held);
        if (held == ROOM) return;
    }
}

int main(int arguments, char **argument) {
    if (arguments != 3) return 64;
    FILE *file = fopen(argument[1], "rb");
    if (!file) return 66;
    letter_size = fread(letter, 1, sizeof letter, file);
    fclose(file);
    char *found = memmem(letter, letter_size, "000000", 6);
    place = found ? (size_t)(found - letter) : letter_size;
    count = atoi(argument[2]);

    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1024)) return 69;
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        await(listener);
        volatile int line = accept(listener, NULL, NULL);
        out_size = 0;
        if (line >= 0 && !setjmp(gone)) serve(line);
        close(line);
    }
}
