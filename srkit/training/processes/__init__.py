"""The processes that train one model together: started, agreed, with shared statistics or shared-out weights."""
