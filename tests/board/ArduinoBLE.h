/* As much of ArduinoBLE as the reference firmware uses; what happens over the air is a script, see board.cpp. */
#pragma once
#include "Arduino.h"

enum { BLERead = 0x02, BLEWriteWithoutResponse = 0x04, BLEWrite = 0x08, BLENotify = 0x10 };
enum { BLEWritten = 3 };

class BLEDevice {};
class BLECharacteristic;
typedef void (*BLECharacteristicEventHandler)(BLEDevice device, BLECharacteristic characteristic);

struct Attribute;

class BLECharacteristic {
public:
    BLECharacteristic(const char *uuid, uint8_t properties, int valueSize, bool fixedLength = false);
    const uint8_t *value() const;
    int valueLength() const;
    int writeValue(const uint8_t value[], int length);
    void setEventHandler(int event, BLECharacteristicEventHandler handler);

private:
    Attribute *attribute; /* shared by copies, as in ArduinoBLE */
};

class BLEService {
public:
    explicit BLEService(const char *uuid);
    void addCharacteristic(BLECharacteristic &characteristic);
};

class BLELocalDevice {
public:
    int begin();
    void poll();
    bool connected() const;
    void setLocalName(const char *name);
    void setAdvertisedService(const BLEService &service);
    void setConnectionInterval(uint16_t minimum, uint16_t maximum);
    void addService(BLEService &service);
    int advertise();
};

extern BLELocalDevice BLE;
