/* What the library of faults and the program that loads it agree on. */
#ifndef FAULT_H
#define FAULT_H

enum { FAULT_MARK = -1414 }; /* the file whose closing begins the count */

#endif
