#include "faults.h"
int lie_main(struct setting *s, char **args) { (void)s; (void)args; return 2; }
