//! How the modules of a network are stored: as floats, or quantised as MLX conversions do it.

use serde_json::{Value, json};
use vlm_test::vlm::Precision;

use super::{
    Form,
    network::{Module, Network, Part},
};

/// Weights that share a scale and a bias in every published conversion.
const GROUP: usize = 64;

/// Type of an element.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Element {
    Float(Precision),
    Uint32,
}

impl Element {
    /// Bytes of one.
    pub fn size(self) -> usize {
        match self {
            Self::Float(Precision::Float16 | Precision::Bfloat16) => 2,
            Self::Float(Precision::Float32) | Self::Uint32 => 4,
        }
    }
}

/// The values of a tensor.
#[derive(Clone, Copy)]
pub enum Values {
    /// Evenly spread between two numbers.
    Between(f32, f32),
    /// Every bit by chance.
    Bits,
}

/// A tensor as it is stored.
pub struct Tensor {
    pub name: String,
    pub element: Element,
    pub shape: Vec<usize>,
    pub values: Values,
    /// Names the random numbers: tensors of one source and one length draw the same.
    pub source: String,
}

impl Tensor {
    /// Bytes of its data.
    pub fn bytes(&self) -> usize {
        self.shape.iter().product::<usize>() * self.element.size()
    }
}

/// Every tensor of a network in the given form, floats as `dtype`.
pub fn tensors(network: &Network, form: Form, dtype: Precision) -> Vec<Tensor> {
    let mut storage = Storage { form, dtype, tensors: Vec::new() };
    for module in &network.0 {
        storage.module(module);
    }
    storage.tensors
}

/// Says in `config.json` what the conversion did.
pub fn note_quantization(files: &mut [(&'static str, Value)], bits: usize) {
    for (_, config) in files.iter_mut().filter(|(name, _)| *name == "config.json") {
        config["quantization"] = json!({"group_size": GROUP, "bits": bits});
    }
}

struct Storage {
    form: Form,
    dtype: Precision,
    tensors: Vec<Tensor>,
}

impl Storage {
    fn module(&mut self, Module { name, part }: &Module) {
        match part {
            Part::Linear { outputs, inputs, bias } => {
                self.matrix(name, *outputs, *inputs);
                self.bias(name, *outputs, *bias);
            }
            Part::Embedding { rows, width } => self.matrix(name, *rows, *width),
            Part::Kernel { outputs, size, bias } => {
                let shape = match self.form {
                    Form::Original => [*outputs, 3, *size, *size],
                    Form::FourBit | Form::EightBit => [*outputs, *size, *size, 3],
                };
                self.float(format!("{name}.weight"), &shape, spread(3 * size * size));
                self.bias(name, *outputs, *bias);
            }
            Part::Norm { width, bias } => {
                self.float(format!("{name}.weight"), &[*width], Values::Between(1.0, 1.0));
                self.bias(name, *width, *bias);
            }
            Part::Parameter { shape } => {
                let width = shape.last().copied().unwrap_or(1);
                self.float(name.clone(), shape, spread(width));
            }
        }
    }

    /// Conversions quantise every matrix whose rows divide into groups.
    fn matrix(&mut self, name: &str, rows: usize, columns: usize) {
        match self.form.bits().filter(|_| columns.is_multiple_of(GROUP)) {
            None => self.float(format!("{name}.weight"), &[rows, columns], spread(columns)),
            Some(bits) => self.quantized(name, rows, columns, bits),
        }
    }

    /// `scale · q + bias` with q evenly in `0..2^bits`: the bias centres it, and the scale brings
    /// the variance `scale² (4^bits − 1) / 12` to about 1 / columns.
    fn quantized(&mut self, name: &str, rows: usize, columns: usize, bits: usize) {
        let largest = ((1_u32 << bits) - 1) as f32;
        let scale = (12.0 / (columns as f32 * largest * (largest + 2.0))).sqrt();
        let scales = (0.75 * scale, 1.25 * scale);
        let centre = -largest / 2.0;
        let packed = vec![rows, columns * bits / 32];
        let groups = vec![rows, columns / GROUP];
        let float = Element::Float(self.dtype);
        let source = format!("{name}.scales");
        let mut push = |kind, element, shape, values, source| {
            self.tensors.push(Tensor {
                name: format!("{name}.{kind}"),
                element,
                shape,
                values,
                source,
            });
        };
        push("weight", Element::Uint32, packed, Values::Bits, name.to_owned());
        push("scales", float, groups.clone(), Values::Between(scales.0, scales.1), source.clone());
        // The same draws: each group's bias fits its scale.
        let biases = Values::Between(centre * scales.0, centre * scales.1);
        push("biases", float, groups, biases, source);
    }

    fn bias(&mut self, name: &str, width: usize, present: bool) {
        if present {
            self.float(format!("{name}.bias"), &[width], Values::Between(-0.02, 0.02));
        }
    }

    fn float(&mut self, name: String, shape: &[usize], values: Values) {
        let (element, shape) = (Element::Float(self.dtype), shape.to_vec());
        self.tensors.push(Tensor { source: name.clone(), name, element, shape, values });
    }
}

/// Values with a variance of 1 / inputs, so that activations neither grow nor fade.
fn spread(inputs: usize) -> Values {
    let limit = (3.0 / inputs as f32).sqrt();
    Values::Between(-limit, limit)
}
