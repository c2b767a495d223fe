// What the bundled program leaves outside: libraries with native parts, and those that few commands need. They are loaded
// when they are used.
export const EXTERNAL_LIBRARIES = ['onnxruntime-node', 'sharp', 'webgpu', 'undici', 'koffi'];
