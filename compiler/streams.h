/* The streams that a process begins with. */
#ifndef STREAMS_H
#define STREAMS_H

/* Takes the places of standard streams that are closed, so that no file of ours gets one of them and takes what is
 * printed. Writing there fails as to a closed one. To be called first. */
void streams_keep(void);

#endif
