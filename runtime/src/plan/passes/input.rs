//! Takes image inputs as the bytes that the graph would quantise them to.

use crate::graph::{Graph, Op};
use crate::tensor::ElementType;

/// Where everything that reads a float input quantises it in one and the same way, the input becomes that u8 tensor and
/// its port says with which scale and zero point. Returns how many inputs changed.
pub fn take_quantised_inputs(graph: &mut Graph) -> usize {
    (0..graph.inputs.len()).filter(|&input| take(graph, input).is_some()).count()
}

fn take(graph: &mut Graph, input: usize) -> Option<()> {
    let tensor = graph.inputs[input].tensor;
    let uses = graph.uses();
    if graph.tensor(tensor).element != ElementType::F32 || uses.leaves[tensor.0] {
        return None;
    }
    let readers = &uses.consumers[tensor.0];
    let first = graph.nodes[*readers.first()?].output();
    let quantisation = graph.tensor(first).quantisation;
    let same = readers.iter().all(|&reader| {
        matches!(graph.nodes[reader].op, Op::Quantize)
            && graph.tensor(graph.nodes[reader].output()).quantisation == quantisation
    });
    if !same || readers.iter().any(|&reader| uses.leaves[graph.nodes[reader].output().0]) {
        return None;
    }
    let made: Vec<_> = readers.iter().map(|&reader| graph.nodes[reader].output()).collect();
    for output in made {
        graph.replace_reads(output, tensor);
    }
    graph.tensors[tensor.0].element = ElementType::U8;
    graph.tensors[tensor.0].quantisation = quantisation;
    graph.inputs[input].port.element = ElementType::U8;
    graph.inputs[input].port.quantisation = quantisation;
    // Nobody reads what the quantise nodes make any more.
    graph.remove_dead_nodes();
    Some(())
}
