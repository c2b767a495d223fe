// Every operation on files as the place of a crash, where the quick tests take a few.
process.env.CRASH_STRIDE = '1';
await import('../training/crash.test.js');
