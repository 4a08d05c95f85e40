// Time that only moves forward.
#ifndef RV_BASE_CLOCK_H
#define RV_BASE_CLOCK_H

// Seconds since some fixed moment, unaffected by changes of the wall clock. Thread-safe.
double rv_clock_seconds(void);

#endif
