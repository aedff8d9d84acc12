/* The clocks that measurements are taken by. */
#ifndef TIMER_H
#define TIMER_H

/* TIMER_CPU is the time that the processor spends on the calling thread, which other programs on the machine hardly
 * change. */
typedef enum timer { TIMER_WALL, TIMER_CPU } timer;

/* Seconds since some time; neither clock ever jumps. */
double timer_seconds(timer t);

/* Seconds of the processor, of all threads of the process. */
double timer_process_seconds(void);

/* What asking for the time takes. */
double timer_cost(timer t);

#endif
