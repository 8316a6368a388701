/* As much of Arduino's core as the reference firmware uses, for a computer: signatures as in ArduinoCore-mbed. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HIGH 1
#define LOW 0
#define OUTPUT 1
#define LEDR 11

void pinMode(int pin, int mode);
void digitalWrite(int pin, int value);
void delay(unsigned long milliseconds);
unsigned long micros();
