/* The version of both programs. */
#ifndef VERSION_H
#define VERSION_H

#define DNN_VERSION "0.1.0"

#endif
