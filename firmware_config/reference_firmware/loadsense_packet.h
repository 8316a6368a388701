/* The LoadSense packet format in plain C: no heap, no Arduino, so that it is tested on any computer. */
#ifndef LOADSENSE_PACKET_H
#define LOADSENSE_PACKET_H

#include <stddef.h>
#include <stdint.h>

#define LS_VERSION 1
#define LS_HEADER_BYTES 7
#define LS_INFO_BYTES 6
#define LS_MOST_SAMPLES 40
#define LS_MOST_BYTES (LS_HEADER_BYTES + 6 * LS_MOST_SAMPLES)
#define LS_BATTERY_UNKNOWN 255

/* What the sensor really uses. */
typedef struct {
    uint16_t rate_hz;
    uint8_t range_g;
    uint8_t samples_per_packet;
} ls_settings;

/* A packet that is being filled. */
typedef struct {
    uint16_t sequence;
    uint8_t per_packet;
    uint8_t n;
    uint8_t bytes[LS_MOST_BYTES];
} ls_packet;

typedef enum { LS_NOTHING, LS_STOP, LS_START, LS_CONFIGURE } ls_command;

/* Begin with sequence number 0; per_packet is brought into 1 .. LS_MOST_SAMPLES. */
void ls_begin(ls_packet *packet, uint8_t per_packet);

/* Add a sample taken at `microseconds`. Returns the length of the packet when it is full, else 0.
   A full packet stays in `bytes` until the next sample; its number counts whether it is sent or not. */
size_t ls_add(ls_packet *packet, uint32_t microseconds, int16_t x, int16_t y, int16_t z);

/* The sensor itself lost `n_lost` samples: count on as if they had been made, to the nearest packet, so that the host
   sees the hole and its length. What the packet held so far goes with them. */
void ls_skip(ls_packet *packet, uint32_t n_lost);

/* Understand a write to the control characteristic; for LS_CONFIGURE `settings` become the nearest possible.
   Settings that are in use already are LS_NOTHING: a host that comes back finds the count where it would be. */
ls_command ls_parse(const uint8_t *bytes, size_t length, ls_settings *settings);

/* The information characteristic. */
void ls_info(const ls_settings *settings, uint8_t battery_percent, uint8_t out[LS_INFO_BYTES]);

#endif
