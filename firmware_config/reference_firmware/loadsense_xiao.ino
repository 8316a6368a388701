/* LoadSense sensor on a Seeed Studio XIAO nRF52840 Sense: its own LSM6DS3TR-C at +-16 g, 208 Hz, over BLE.

   Build: Arduino IDE, board "Seeed XIAO nRF52840 Sense" (mbed-enabled core), library ArduinoBLE.
   The three files of this folder go into one sketch folder named loadsense_xiao. See README.md. */
#include <ArduinoBLE.h>
#include <Wire.h>

extern "C" {
#include "loadsense_packet.h"
}

/* The sensor has a bus and a power pin of its own on this board. */
static TwoWire sensorBus(P0_7, P0_27);
static const uint8_t ADDRESS = 0x6A;
static const uint8_t WHO_AM_I = 0x0F, CTRL1_XL = 0x10, CTRL3_C = 0x12, STATUS = 0x1E, OUTX_L_XL = 0x28;

static BLEService service("a3c70001-8b1f-4f2a-9d3e-0c1b2d3e4f50");
static BLECharacteristic data("a3c70002-8b1f-4f2a-9d3e-0c1b2d3e4f50", BLENotify, LS_MOST_BYTES);
static BLECharacteristic control("a3c70003-8b1f-4f2a-9d3e-0c1b2d3e4f50", BLEWrite | BLEWriteWithoutResponse, 8);
static BLECharacteristic info("a3c70004-8b1f-4f2a-9d3e-0c1b2d3e4f50", BLERead, LS_INFO_BYTES);

static ls_settings settings = {208, 16, 10};
static ls_packet packet;
static bool streaming = false;

static void writeRegister(uint8_t reg, uint8_t value) {
    sensorBus.beginTransmission(ADDRESS);
    sensorBus.write(reg);
    sensorBus.write(value);
    sensorBus.endTransmission();
}

static bool readRegisters(uint8_t reg, uint8_t *out, uint8_t n) {
    sensorBus.beginTransmission(ADDRESS);
    sensorBus.write(reg);
    if (sensorBus.endTransmission(false) != 0 || sensorBus.requestFrom(ADDRESS, n) != n) return false;
    for (uint8_t i = 0; i < n; i++) out[i] = sensorBus.read();
    return true;
}

static void applySettings() {
    uint8_t rate = settings.rate_hz >= 416 ? 0x60 : settings.rate_hz >= 208 ? 0x50 : 0x40;
    uint8_t range = settings.range_g == 16 ? 0x04 : settings.range_g == 8 ? 0x0C : settings.range_g == 4 ? 0x08 : 0x00;
    writeRegister(CTRL3_C, 0x44);          /* block data update, addresses count up */
    writeRegister(CTRL1_XL, rate | range); /* analogue bandwidth left at its widest */
    uint8_t bytes[LS_INFO_BYTES];
    ls_info(&settings, LS_BATTERY_UNKNOWN, bytes);
    info.writeValue(bytes, sizeof bytes);
    ls_begin(&packet, settings.samples_per_packet);
}

static void onCommand(BLEDevice, BLECharacteristic characteristic) {
    switch (ls_parse(characteristic.value(), characteristic.valueLength(), &settings)) {
        case LS_CONFIGURE: applySettings(); break;
        case LS_START: streaming = true; break;
        case LS_STOP: streaming = false; break;
        default: break;
    }
}

void setup() {
    pinMode(PIN_LSM6DS3TR_C_POWER, OUTPUT);
    digitalWrite(PIN_LSM6DS3TR_C_POWER, HIGH);
    pinMode(LED_RED, OUTPUT);
    digitalWrite(LED_RED, HIGH); /* the lamps are lit by LOW */
    delay(20);
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
    applySettings();
    BLE.advertise();
}

void loop() {
    BLE.poll();
    uint8_t status = 0, raw[6];
    if (!readRegisters(STATUS, &status, 1) || !(status & 1) || !readRegisters(OUTX_L_XL, raw, 6)) return;
    int16_t x = (int16_t)(raw[0] | raw[1] << 8), y = (int16_t)(raw[2] | raw[3] << 8), z = (int16_t)(raw[4] | raw[5] << 8);
    /* the sensor goes on counting while nobody listens, so that a lost link is a hole of known length */
    size_t length = ls_add(&packet, micros(), x, y, z);
    if (length && streaming && BLE.connected()) data.writeValue(packet.bytes, length);
}
