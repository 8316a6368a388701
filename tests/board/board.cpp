/* A board on a computer: runs the sketch's setup() and loop() against a simulated accelerometer and a script of what
   happens over the air. The clock is simulated too, so that a run is the same each time.

   board CLOCK_AT_START_US RATE_FACTOR WHO_AM_I < script

   Lines of the script, in order of time: `TIME_US connect`, `disconnect`, `write HEX`, `stall UNTIL_US`, `end`.
   A stall holds a notification for as long, and the script goes on meanwhile, as ArduinoBLE does it. Prints
   `notify TIME_US HEX`, `info TIME_US HEX`, `name TEXT` and `lamp PIN VALUE`. Sample k of the chip is a known function
   of k in milli-g, see `milliG`; RATE_FACTOR is how much faster than its nominal rate the chip runs. */
#include <deque>
#include <stdio.h>
#include <stdlib.h>
#include <string>
#include <vector>

#include "ArduinoBLE.h"
#include "Wire.h"

static double nowUs = 0.0; /* since power on */
static uint32_t clockAtStart = 0;
static double rateFactor = 1.0;
static uint8_t whoAmI = 0x6A;

static void advance(double us);

/* -- the accelerometer: registers and buffer by ST's data sheet -- */

struct Chip {
    static const size_t DEPTH = 682; /* 4096 bytes of 6 */
    uint8_t registers[128] = {0};
    std::deque<uint32_t> buffer;
    bool overrun = false, powered = false;
    uint32_t made = 0;
    double nextUs = 0.0;
    std::vector<uint8_t> words;

    double rateHz() const {
        static const double rates[] = {0, 12.5, 26, 52, 104, 208, 416, 833, 1660};
        uint8_t code = registers[0x10] >> 4;
        return code < 9 ? rates[code] * rateFactor : 0.0;
    }
    bool buffers() const {
        bool same = (registers[0x0A] >> 3 & 0x0F) == registers[0x10] >> 4;
        return (registers[0x0A] & 7) == 6 && (registers[0x08] & 7) == 1 && same;
    }
    void run() {
        while (powered && rateHz() > 0 && nextUs <= nowUs) {
            if (buffers()) {
                buffer.push_back(made);
                if (buffer.size() > DEPTH) {
                    buffer.pop_front();
                    overrun = true;
                }
            }
            made++;
            nextUs += 1e6 / rateHz();
        }
    }
    void write(uint8_t reg, uint8_t value) {
        registers[reg] = value;
        if (reg == 0x10 && rateHz() > 0) nextUs = nowUs + 1e6 / rateHz();
        if (reg == 0x0A && (value & 7) == 0) {
            buffer.clear();
            words.clear();
            overrun = false;
        }
    }
    int16_t count(uint32_t k, int axis) const {
        static const int ranges[] = {2, 16, 4, 8};
        static const long steps[] = {37, 91, 53}, offsets[] = {0, 7000, 21000};
        long milliG = (long)((k * (uint64_t)steps[axis] + (uint64_t)offsets[axis]) % 31000) - 15500;
        double counts = milliG * 32.768 / ranges[registers[0x10] >> 2 & 3];
        return (int16_t)(counts > 32767 ? 32767 : counts < -32768 ? -32768 : counts < 0 ? counts - 0.5 : counts + 0.5);
    }
    uint8_t next() {
        if (words.empty()) {
            if (buffer.empty()) return 0;
            for (int axis = 0; axis < 3; axis++) {
                uint16_t value = (uint16_t)count(buffer.front(), axis);
                words.push_back((uint8_t)(value & 0xFF));
                words.push_back((uint8_t)(value >> 8));
            }
            buffer.pop_front();
        }
        uint8_t value = words.front();
        words.erase(words.begin());
        return value;
    }
    uint8_t read(uint8_t &reg) {
        uint8_t at = reg;
        bool counts = registers[0x12] & 0x04;
        reg = at == 0x3F ? 0x3E : counts ? (uint8_t)(at + 1) : at;
        size_t n = buffer.size() * 3;
        switch (at) {
            case 0x0F: return whoAmI;
            case 0x3A: return (uint8_t)(n & 0xFF);
            case 0x3B: return (uint8_t)(n >> 8 | (overrun ? 0x40 : 0) | (n ? 0 : 0x10));
            case 0x3E:
            case 0x3F: return next();
            default: return registers[at & 0x7F];
        }
    }
};

static Chip chip;
TwoWire Wire1;

void TwoWire::begin() { begun = true; }
void TwoWire::setClock(uint32_t) {}
void TwoWire::beginTransmission(uint8_t address) {
    answering = begun && chip.powered && address == 0x6A;
    nSent = 0;
}
size_t TwoWire::write(uint8_t value) {
    if (nSent < sizeof sent) sent[nSent++] = value;
    return 1;
}
uint8_t TwoWire::endTransmission(bool) {
    advance(25.0 * (1.0 + (double)nSent));
    if (!answering) return 2;
    chip.run();
    if (nSent == 2) chip.write(sent[0], sent[1]);
    return 0;
}
size_t TwoWire::requestFrom(uint8_t, size_t n) {
    if (!answering || n > sizeof received) return 0;
    advance(25.0 * (1.0 + (double)n));
    chip.run();
    uint8_t reg = sent[0];
    for (nReceived = 0; nReceived < n; nReceived++) received[nReceived] = chip.read(reg);
    at = 0;
    return n;
}
int TwoWire::read() { return at < nReceived ? received[at++] : -1; }

/* -- the script -- */

struct Happening {
    double atUs;
    std::string what, argument;
};

static std::deque<Happening> script;
static bool linked = false;
static double stalledUntilUs = 0.0;
static Attribute *commands = nullptr;

static void finish() {
    fflush(stdout);
    exit(0);
}

struct Attribute {
    std::vector<uint8_t> value;
    uint8_t properties;
    size_t size;
    BLECharacteristicEventHandler handler = nullptr;
    BLECharacteristic *first = nullptr;
};

static void written(const std::string &hex) {
    if (commands == nullptr || commands->handler == nullptr) abort();
    commands->value.clear();
    for (size_t i = 0; i + 1 < hex.size(); i += 2)
        commands->value.push_back((uint8_t)strtol(hex.substr(i, 2).c_str(), nullptr, 16));
    if (commands->value.size() > commands->size) abort();
    commands->handler(BLEDevice(), *commands->first);
}

/* What is due by now. */
static void happen() {
    while (!script.empty() && script.front().atUs <= nowUs) {
        Happening next = script.front();
        script.pop_front();
        if (next.what == "connect") linked = true;
        if (next.what == "disconnect") linked = false;
        if (next.what == "stall") stalledUntilUs = atof(next.argument.c_str());
        if (next.what == "write") written(next.argument);
        if (next.what == "end") finish();
    }
}

static void advance(double us) { nowUs += us; }

void pinMode(int, int) {}
void digitalWrite(int pin, int value) {
    if (pin == 15) chip.powered = value == HIGH;
    if (pin == LEDR) printf("lamp %d %d\n", pin, value);
}
void delay(unsigned long milliseconds) {
    advance(1000.0 * (double)milliseconds);
    happen();
}
unsigned long micros() { return (uint32_t)(clockAtStart + (uint64_t)nowUs); }

/* -- the radio -- */

BLELocalDevice BLE;

BLECharacteristic::BLECharacteristic(const char *, uint8_t properties, int valueSize, bool) {
    attribute = new Attribute();
    attribute->properties = properties;
    attribute->size = (size_t)valueSize;
}
const uint8_t *BLECharacteristic::value() const { return attribute->value.data(); }
int BLECharacteristic::valueLength() const { return (int)attribute->value.size(); }
void BLECharacteristic::setEventHandler(int event, BLECharacteristicEventHandler handler) {
    if (event != BLEWritten) return;
    attribute->handler = handler;
    attribute->first = this;
    commands = attribute;
}

static void print(const char *what, const uint8_t *value, int length) {
    printf("%s %.0f ", what, nowUs);
    for (int i = 0; i < length; i++) printf("%02x", value[i]);
    printf("\n");
}

int BLECharacteristic::writeValue(const uint8_t value[], int length) {
    std::vector<uint8_t> sent(value, value + length); /* the library copies it before it waits */
    if (sent.size() > attribute->size) abort();
    attribute->value = sent;
    if (attribute->properties & BLENotify) {
        while (linked && nowUs < stalledUntilUs) {
            advance(1000.0);
            happen();
        }
        if (linked) print("notify", sent.data(), length);
    } else {
        print("info", sent.data(), length);
    }
    return 1;
}

BLEService::BLEService(const char *) {}
void BLEService::addCharacteristic(BLECharacteristic &) {}
int BLELocalDevice::begin() { return 1; }
void BLELocalDevice::poll() {
    advance(20.0);
    happen();
}
bool BLELocalDevice::connected() const { return linked; }
void BLELocalDevice::setLocalName(const char *name) { printf("name %s\n", name); }
void BLELocalDevice::setAdvertisedService(const BLEService &) {}
void BLELocalDevice::setConnectionInterval(uint16_t, uint16_t) {}
void BLELocalDevice::addService(BLEService &) {}
int BLELocalDevice::advertise() { return 1; }

void setup();
void loop();

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    clockAtStart = (uint32_t)strtoul(argv[1], nullptr, 10);
    rateFactor = atof(argv[2]);
    whoAmI = (uint8_t)strtoul(argv[3], nullptr, 0);
    char line[256];
    while (fgets(line, sizeof line, stdin)) {
        char what[32] = "", argument[128] = "";
        double at = 0.0;
        if (sscanf(line, "%lf %31s %127s", &at, what, argument) >= 2) script.push_back({at, what, argument});
    }
    setup();
    while (true) loop();
}
