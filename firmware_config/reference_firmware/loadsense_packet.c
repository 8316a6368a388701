#include "loadsense_packet.h"

/* Steps of the LSM6DS3TR-C. */
static const uint16_t RATES_HZ[] = {104, 208, 416};
static const uint8_t RANGES_G[] = {2, 4, 8, 16};

static void put_u16(uint8_t *at, uint16_t value) {
    at[0] = (uint8_t)(value & 0xFF);
    at[1] = (uint8_t)(value >> 8);
}

static uint16_t distance(uint16_t a, uint16_t b) { return (uint16_t)(a > b ? a - b : b - a); }

void ls_begin(ls_packet *packet, uint8_t per_packet) {
    if (per_packet < 1) per_packet = 1;
    if (per_packet > LS_MOST_SAMPLES) per_packet = LS_MOST_SAMPLES;
    packet->sequence = 0;
    packet->per_packet = per_packet;
    packet->n = 0;
}

size_t ls_add(ls_packet *packet, uint32_t microseconds, int16_t x, int16_t y, int16_t z) {
    uint8_t *at;
    if (packet->n == 0) {
        put_u16(packet->bytes, packet->sequence);
        put_u16(packet->bytes + 2, (uint16_t)(microseconds & 0xFFFF));
        put_u16(packet->bytes + 4, (uint16_t)(microseconds >> 16));
        packet->bytes[6] = packet->per_packet;
    }
    at = packet->bytes + LS_HEADER_BYTES + 6 * packet->n;
    put_u16(at, (uint16_t)x);
    put_u16(at + 2, (uint16_t)y);
    put_u16(at + 4, (uint16_t)z);
    packet->n++;
    if (packet->n < packet->per_packet) return 0;
    packet->n = 0;
    packet->sequence++;
    return LS_HEADER_BYTES + 6 * (size_t)packet->per_packet;
}

void ls_skip(ls_packet *packet, uint32_t n_lost) {
    uint32_t n = n_lost + packet->n;
    uint32_t packets = (n + packet->per_packet / 2u) / packet->per_packet;
    if (n_lost > 0 && packets == 0) packets = 1; /* a hole too short to count exactly is still a hole */
    packet->sequence = (uint16_t)(packet->sequence + packets);
    if (packets > 0) packet->n = 0;
}

static void nearest(uint16_t rate_hz, uint8_t range_g, ls_settings *settings) {
    size_t i;
    settings->rate_hz = RATES_HZ[0];
    for (i = 1; i < sizeof RATES_HZ / sizeof RATES_HZ[0]; i++)
        if (distance(RATES_HZ[i], rate_hz) < distance(settings->rate_hz, rate_hz)) settings->rate_hz = RATES_HZ[i];
    settings->range_g = RANGES_G[sizeof RANGES_G - 1];
    for (i = sizeof RANGES_G; i-- > 0;) /* the smallest range that holds what was asked for */
        if (RANGES_G[i] >= range_g) settings->range_g = RANGES_G[i];
}

ls_command ls_parse(const uint8_t *bytes, size_t length, ls_settings *settings) {
    const ls_settings before = *settings;
    if (length == 1 && bytes[0] == 0) return LS_STOP;
    if (length == 1 && bytes[0] == 1) return LS_START;
    if (length != 5 || bytes[0] != 2 || bytes[4] == 0) return LS_NOTHING;
    nearest((uint16_t)(bytes[1] | bytes[2] << 8), bytes[3], settings);
    settings->samples_per_packet = bytes[4] > LS_MOST_SAMPLES ? LS_MOST_SAMPLES : bytes[4];
    if (before.rate_hz == settings->rate_hz && before.range_g == settings->range_g &&
        before.samples_per_packet == settings->samples_per_packet)
        return LS_NOTHING;
    return LS_CONFIGURE;
}

void ls_info(const ls_settings *settings, uint8_t battery_percent, uint8_t out[LS_INFO_BYTES]) {
    out[0] = LS_VERSION;
    put_u16(out + 1, settings->rate_hz);
    out[3] = settings->range_g;
    out[4] = settings->samples_per_packet;
    out[5] = battery_percent;
}
