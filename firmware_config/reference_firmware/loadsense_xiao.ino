/* LoadSense sensor on a Seeed Studio XIAO nRF52840 Sense: its own LSM6DS3TR-C at +-16 g, 208 Hz, over BLE.

   Build: Arduino IDE, board "Seeed XIAO BLE Sense - nRF52840" (mbed-enabled core), library ArduinoBLE.
   The three files of this folder go into one sketch folder named loadsense_xiao. See README.md.

   Samples wait in the accelerometer's own buffer (682 of them, 3.3 s at 208 Hz) until the loop takes them, because a
   notification waits inside ArduinoBLE for as long as the link stalls. When that buffer overflows, the packet count
   goes on by what was lost, so that the host sees the hole. */
#include <ArduinoBLE.h>
#include <Wire.h>

#if !defined(PIN_LSM6DS3TR_C_POWER) && defined(__has_include)
#if __has_include("pins_arduino.h")
#include "pins_arduino.h"
#endif
#endif
#ifndef PIN_LSM6DS3TR_C_POWER
#define PIN_LSM6DS3TR_C_POWER 15
#endif
#if !defined(LED_RED) && defined(LEDR)
#define LED_RED LEDR
#endif

extern "C" {
#include "loadsense_packet.h"
}

/* The accelerometer has a bus of its own on this board. */
static TwoWire &sensorBus = Wire1;
static const uint8_t ADDRESS = 0x6A;
static const uint8_t FIFO_CTRL3 = 0x08, FIFO_CTRL5 = 0x0A, WHO_AM_I = 0x0F, CTRL1_XL = 0x10, CTRL3_C = 0x12;
static const uint8_t FIFO_STATUS1 = 0x3A, FIFO_DATA_OUT_L = 0x3E;
static const uint8_t OVER_RUN = 0x40, CONTINUOUS = 0x06, NO_DECIMATION = 0x01;
static const uint16_t AT_ONCE = 20;

static BLEService service("a3c70001-8b1f-4f2a-9d3e-0c1b2d3e4f50");
static BLECharacteristic data("a3c70002-8b1f-4f2a-9d3e-0c1b2d3e4f50", BLENotify, LS_MOST_BYTES);
static BLECharacteristic control("a3c70003-8b1f-4f2a-9d3e-0c1b2d3e4f50", BLEWrite | BLEWriteWithoutResponse, 8);
static BLECharacteristic info("a3c70004-8b1f-4f2a-9d3e-0c1b2d3e4f50", BLERead, LS_INFO_BYTES);

static ls_settings settings = {208, 16, 10};
static ls_packet packet;
static bool streaming = false;
static bool configured = true; /* the settings wait to be applied */
static uint32_t lastMicros = 0; /* when the last sample that was taken from the buffer was measured */

static void writeRegister(uint8_t reg, uint8_t value) {
    sensorBus.beginTransmission(ADDRESS);
    sensorBus.write(reg);
    sensorBus.write(value);
    sensorBus.endTransmission();
}

static bool readRegisters(uint8_t reg, uint8_t *out, size_t n) {
    sensorBus.beginTransmission(ADDRESS);
    sensorBus.write(reg);
    if (sensorBus.endTransmission(false) != 0 || sensorBus.requestFrom(ADDRESS, n) != n) return false;
    for (size_t i = 0; i < n; i++) out[i] = (uint8_t)sensorBus.read();
    return true;
}

/* Code of the rate, the same for the accelerometer and its buffer. */
static uint8_t rateCode() { return settings.rate_hz >= 416 ? 6 : settings.rate_hz >= 208 ? 5 : 4; }

static void emptyBuffer() {
    writeRegister(FIFO_CTRL5, 0);
    writeRegister(FIFO_CTRL5, (uint8_t)(rateCode() << 3 | CONTINUOUS));
    lastMicros = (uint32_t)micros();
}

static void applySettings() {
    uint8_t range = settings.range_g == 16 ? 0x04 : settings.range_g == 8 ? 0x0C : settings.range_g == 4 ? 0x08 : 0x00;
    writeRegister(CTRL3_C, 0x44); /* block data update, addresses count up */
    writeRegister(CTRL1_XL, (uint8_t)(rateCode() << 4 | range)); /* analogue bandwidth left at its widest */
    writeRegister(FIFO_CTRL3, NO_DECIMATION);
    emptyBuffer();
    ls_begin(&packet, settings.samples_per_packet);
}

static void tellSettings() {
    uint8_t bytes[LS_INFO_BYTES];
    ls_info(&settings, LS_BATTERY_UNKNOWN, bytes);
    info.writeValue(bytes, sizeof bytes);
}

/* May come while a notification waits for the link, so it changes nothing that the loop is using. */
static void onCommand(BLEDevice, BLECharacteristic characteristic) {
    switch (ls_parse(characteristic.value(), (size_t)characteristic.valueLength(), &settings)) {
        case LS_CONFIGURE:
            tellSettings();
            configured = true;
            break;
        case LS_START: streaming = true; break;
        case LS_STOP: streaming = false; break;
        default: break;
    }
}

/* The power pin of the accelerometer must be driven strongly. */
static void powerOn() {
    pinMode(PIN_LSM6DS3TR_C_POWER, OUTPUT);
#ifdef NRF_P1
    NRF_P1->PIN_CNF[8] = NRF_P1->PIN_CNF[8] | (3u << 8); /* high drive, 0 and 1 */
#endif
    digitalWrite(PIN_LSM6DS3TR_C_POWER, HIGH);
    delay(50);
}

void setup() {
    pinMode(LED_RED, OUTPUT);
    digitalWrite(LED_RED, HIGH); /* the lamps are lit by LOW */
    powerOn();
    sensorBus.begin();
    sensorBus.setClock(400000);
    uint8_t who = 0;
    if (!readRegisters(WHO_AM_I, &who, 1) || who != 0x6A || !BLE.begin()) {
        digitalWrite(LED_RED, LOW); /* red: no accelerometer, or no radio */
        while (true) delay(1000);
    }
    BLE.setLocalName("LS-XIAO");
    BLE.setAdvertisedService(service);
    BLE.setConnectionInterval(6, 12); /* 7.5 to 15 ms */
    service.addCharacteristic(data);
    service.addCharacteristic(control);
    service.addCharacteristic(info);
    BLE.addService(service);
    control.setEventHandler(BLEWritten, onCommand);
    tellSettings();
    BLE.advertise();
}

/* The buffer ran over: begin anew, and let the count go on by the samples of the time that passed. */
static void overrun() {
    uint32_t before = lastMicros;
    emptyBuffer();
    ls_skip(&packet, (uint32_t)((uint64_t)(lastMicros - before) * settings.rate_hz / 1000000u));
}

static void add(const uint8_t *raw, uint32_t at) {
    int16_t x = (int16_t)(raw[0] | raw[1] << 8), y = (int16_t)(raw[2] | raw[3] << 8), z = (int16_t)(raw[4] | raw[5] << 8);
    /* the sensor goes on counting while nobody listens, so that a lost link is a hole of known length */
    size_t length = ls_add(&packet, at, x, y, z);
    if (length && streaming && BLE.connected()) data.writeValue(packet.bytes, (int)length);
}

static void takeSamples() {
    uint8_t status[2], raw[6 * AT_ONCE];
    if (!readRegisters(FIFO_STATUS1, status, sizeof status)) return;
    uint32_t now = (uint32_t)micros();
    if (status[1] & OVER_RUN) return overrun();
    uint16_t waiting = (uint16_t)((status[0] | (status[1] & 7) << 8) / 3);
    uint16_t n = waiting < AT_ONCE ? waiting : AT_ONCE;
    if (n == 0 || !readRegisters(FIFO_DATA_OUT_L, raw, 6u * n)) return;
    uint32_t interval = 1000000u / settings.rate_hz;
    for (uint16_t i = 0; i < n; i++) {
        lastMicros = now - interval * (uint32_t)(waiting - 1 - i);
        add(raw + 6 * i, lastMicros);
    }
}

void loop() {
    BLE.poll();
    if (configured) {
        configured = false;
        applySettings();
    }
    takeSamples();
}
