/* The I2C bus to a simulated LSM6DS3TR-C. */
#pragma once
#include "Arduino.h"

class TwoWire {
public:
    void begin();
    void setClock(uint32_t hertz);
    void beginTransmission(uint8_t address);
    size_t write(uint8_t value);
    uint8_t endTransmission(bool stop = true);
    size_t requestFrom(uint8_t address, size_t n);
    int read();

private:
    bool begun = false, answering = false;
    uint8_t sent[8] = {0}, received[256] = {0};
    size_t nSent = 0, nReceived = 0, at = 0;
};

extern TwoWire Wire1;
