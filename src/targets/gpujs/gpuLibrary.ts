/** An instance of the library, which makes kernels of one mode. */
export interface GpuJsInstance {
  /** @param source of a function, in the subset of JavaScript that gpu.js compiles */
  createKernel(source: string, settings: object): unknown;
  destroy(): Promise<void>;
}

/**
 * What is used of the gpu.js package, wherever it was loaded from. Declared here, because the package's own types would
 * be asked of everybody who compiles against ours.
 */
export interface GpuJs {
  readonly GPU: {
    new (settings: { readonly mode: string }): GpuJsInstance;
    readonly isHeadlessGLSupported: boolean;
    readonly isWebAssemblySupported: boolean;
  };
  readonly input: (value: Float32Array, size: readonly number[]) => unknown;
}
