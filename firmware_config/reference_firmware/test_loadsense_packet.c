/* Tests of the packet code on a computer: cc -o t loadsense_packet.c test_loadsense_packet.c && ./t */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loadsense_packet.h"

static int failures;

#define CHECK(condition)                                         \
    do {                                                         \
        if (!(condition)) {                                      \
            printf("line %d: %s\n", __LINE__, #condition);       \
            failures++;                                          \
        }                                                        \
    } while (0)

static void packs_little_endian(void) {
    static const uint8_t want[] = {0, 0, 0x40, 0x42, 0x0F, 0x00, 2, 0, 8, 0, 0xF8, 0xFF, 0x7F, 1, 0, 0, 0, 0, 0x80};
    ls_packet packet;
    ls_begin(&packet, 2);
    CHECK(ls_add(&packet, 1000000u, 2048, -2048, 32767) == 0);
    CHECK(ls_add(&packet, 1004807u, 1, 0, -32768) == sizeof want);
    CHECK(memcmp(packet.bytes, want, sizeof want) == 0);
}

static void counts_every_packet_and_wraps(void) {
    ls_packet packet;
    uint32_t k;
    ls_begin(&packet, 1);
    for (k = 0; k < 65538; k++) {
        CHECK(ls_add(&packet, k, 0, 0, 0) == 13);
        CHECK((uint16_t)(packet.bytes[0] | packet.bytes[1] << 8) == (uint16_t)k);
    }
}

static void keeps_the_size_in_bounds(void) {
    ls_packet packet;
    int i;
    ls_begin(&packet, 0);
    CHECK(packet.per_packet == 1);
    ls_begin(&packet, 255);
    CHECK(packet.per_packet == LS_MOST_SAMPLES);
    for (i = 0; i < LS_MOST_SAMPLES - 1; i++) CHECK(ls_add(&packet, 0, 0, 0, 0) == 0);
    CHECK(ls_add(&packet, 0, 0, 0, 0) == LS_MOST_BYTES);
}

static uint16_t number_of(const ls_packet *packet) { return (uint16_t)(packet->bytes[0] | packet->bytes[1] << 8); }

static void counts_what_the_sensor_lost_itself(void) {
    static const struct {
        uint32_t held, lost, packets;
    } cases[] = {{0, 0, 0}, {3, 0, 0}, {0, 1, 1}, {0, 10, 1}, {4, 10, 1}, {5, 10, 2}, {9, 1240, 125}, {0, 655370, 1}};
    ls_packet packet;
    size_t k, i;
    for (k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        ls_begin(&packet, 10);
        for (i = 0; i < 10 + cases[k].held; i++) ls_add(&packet, 0, 0, 0, 0);
        ls_skip(&packet, cases[k].lost);
        while (ls_add(&packet, 0, 0, 0, 0) == 0) continue;
        CHECK(number_of(&packet) == 1 + cases[k].packets);
    }
}

static void understands_commands(void) {
    ls_settings settings = {208, 16, 10};
    static const uint8_t configure[] = {2, 200, 0, 16, 60}, none[] = {2, 200, 0, 16, 0}, small[] = {2, 90, 0, 3, 5};
    static const uint8_t start = 1, stop = 0, other = 7;
    CHECK(ls_parse(&start, 1, &settings) == LS_START);
    CHECK(ls_parse(&stop, 1, &settings) == LS_STOP);
    CHECK(ls_parse(&other, 1, &settings) == LS_NOTHING);
    CHECK(ls_parse(configure, 4, &settings) == LS_NOTHING);
    CHECK(ls_parse(none, 5, &settings) == LS_NOTHING);
    CHECK(ls_parse(configure, 0, &settings) == LS_NOTHING);
    CHECK(settings.samples_per_packet == 10);
    CHECK(ls_parse(configure, 5, &settings) == LS_CONFIGURE);
    CHECK(settings.rate_hz == 208 && settings.range_g == 16 && settings.samples_per_packet == LS_MOST_SAMPLES);
    CHECK(ls_parse(configure, 5, &settings) == LS_NOTHING);
    CHECK(ls_parse(small, 5, &settings) == LS_CONFIGURE);
    CHECK(settings.rate_hz == 104 && settings.range_g == 4 && settings.samples_per_packet == 5);
}

static void tells_its_settings(void) {
    static const uint8_t want[LS_INFO_BYTES] = {1, 208, 0, 16, 10, 87};
    const ls_settings settings = {208, 16, 10};
    uint8_t out[LS_INFO_BYTES];
    ls_info(&settings, 87, out);
    CHECK(memcmp(out, want, sizeof want) == 0);
}

static void print_hex(const uint8_t *bytes, size_t n) {
    size_t i;
    for (i = 0; i < n; i++) printf("%02x", bytes[i]);
}

/* Every 997th packet of a stream, for another decoder to read. */
static void print_stream(long n_packets, int per_packet) {
    ls_packet packet;
    long k;
    int i;
    ls_begin(&packet, (uint8_t)per_packet);
    for (k = 0; k < n_packets; k++) {
        size_t length = 0;
        for (i = 0; i < per_packet; i++) {
            uint32_t base = (uint32_t)(k * 31 + i * 7);
            length = ls_add(&packet, (uint32_t)((uint64_t)(k * per_packet + i) * 4807u), (int16_t)(uint16_t)base,
                            (int16_t)(uint16_t)(base + 1000), (int16_t)(uint16_t)(base + 2000));
        }
        if (k % 997 == 0) {
            print_hex(packet.bytes, length);
            printf(" %ld\n", k);
        }
    }
}

static void print_configured(const char *hex) {
    ls_settings settings = {208, 16, 10};
    uint8_t command[16], out[LS_INFO_BYTES];
    size_t n = 0;
    for (; n < sizeof command && hex[2 * n] && hex[2 * n + 1]; n++) {
        char pair[3] = {hex[2 * n], hex[2 * n + 1], 0};
        command[n] = (uint8_t)strtol(pair, NULL, 16);
    }
    ls_parse(command, n, &settings);
    ls_info(&settings, LS_BATTERY_UNKNOWN, out);
    print_hex(out, sizeof out);
    printf(" %u %u %u\n", settings.rate_hz, settings.range_g, settings.samples_per_packet);
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "stream") == 0) {
        print_stream(strtol(argv[2], NULL, 10), (int)strtol(argv[3], NULL, 10));
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "configure") == 0) {
        print_configured(argv[2]);
        return 0;
    }
    packs_little_endian();
    counts_every_packet_and_wraps();
    keeps_the_size_in_bounds();
    counts_what_the_sensor_lost_itself();
    understands_commands();
    tells_its_settings();
    printf(failures ? "%d failed\n" : "all passed\n", failures);
    return failures != 0;
}
