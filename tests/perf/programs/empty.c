// Nothing but the marks: how long it takes until a guest runs.
__attribute__((import_module("bench"), import_name("start"))) void bench_start(void);
__attribute__((import_module("bench"), import_name("end"))) void bench_end(void);

void _start(void) {
  bench_start();
  bench_end();
}
