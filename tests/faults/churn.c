#include "faults.h"
int churn_main(struct setting *s) { (void)s; return 2; }
