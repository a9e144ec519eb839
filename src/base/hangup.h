/*
 * hangup: a SIGHUP that comes while a program starts is a reload, too.
 *
 * Its default ends a process, and who sends it (a service manager, pkill) does
 * not know whether the loop already listens. So it is held from the first line
 * of main() until the loop has its handler; then it comes. Thread: main, before
 * others exist, which inherit the mask.
 */
#ifndef BASE_HANGUP_H
#define BASE_HANGUP_H

void hangup_hold(void);
void hangup_let_in(void);

#endif
